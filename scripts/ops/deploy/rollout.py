"""One job from registered to healthy: follows Nomad by blocking queries and gives up with a reason."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nomad_jobs.errors import DeadlineError, DeployError, RevertedError
from nomad_jobs.model import Kind, Service
from scripts.ops.consul import Consul
from scripts.ops.deploy import why
from scripts.ops.nomad import Nomad
from scripts.ops.progress import Step

_LOOK_S = 5.0
"""Longest single wait: a failed task is noticed within this even when nothing is told about its deployment."""
_ROOM_S = 10.0
"""How long nothing at all may be placed."""
_OVER = {"successful", "failed", "cancelled"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One service on its way, and the clients that see it."""

    service: Service
    instances: int
    """How many must be healthy at the end."""
    nomad: Nomad
    consul: Consul
    step: Step
    deadline: float
    """On the monotonic clock."""

    def run(self, hcl: str) -> bool:
        """Bring the job to what `hcl` says; give whether anything had to change.

        Raises:
            DeployError: Nomad refuses the job, or an instance fails; the message carries what it said last.
            RevertedError: an instance failed, and Nomad put the last good version back.
            DeadlineError: it took too long, or nothing has room for it.

        """
        job = self.nomad.parse(hcl)
        self.nomad.validate(job)
        live = self.nomad.job(self.service.name)
        changed = not _same(live, job) or self._failed_before(live)
        if changed:
            self._register(job, live)
        self._settle()
        return changed

    def _register(self, job: dict[str, Any], live: Mapping[str, Any] | None) -> None:
        _refuse_foreign(job, live)
        if live is not None and _same(live, job):
            # The same job failed before. Nomad starts no new deployment for what did not change.
            job["Meta"]["berth_attempt"] = str(int(live["Meta"].get("berth_attempt", "1")) + 1)
        eval_id = self.nomad.register(job, modify_index=live["JobModifyIndex"] if live else 0)
        self._placed(eval_id)
        registered = self.nomad.job(self.service.name)
        if registered is None:
            raise DeployError(f"job {self.service.name}", "disappeared just after it was registered")
        self._deployed(registered["Version"])

    def _placed(self, eval_id: str) -> None:
        self.step.says("the scheduler")
        index = 0
        while True:
            answer = self.nomad.evaluation(eval_id, index, self._look_s())
            index, evaluation = answer.index, answer.body or {}
            if evaluation.get("Status") in {"complete", "failed", "canceled", "blocked"}:
                break
            self._in_time(lambda: "the scheduler does not answer")
        if lacking := why.placement(evaluation):
            self._await_room(lacking)

    def _await_room(self, lacking: str) -> None:
        """Give a stopping neighbour time to leave; a rolling update frees room by itself, instance by instance."""
        self.step.says(lacking)
        index, end = 0, min(time.monotonic() + _ROOM_S, self.deadline)
        while True:
            answer = self.nomad.allocations(self.service.name, index, max(end - time.monotonic(), 0.1))
            if answer.body:
                return
            index = answer.index
            if time.monotonic() >= end:
                self._stop_waiting(lacking)

    def _deployed(self, version: int) -> None:
        index = 0
        while True:
            answer = self.nomad.deployment(self.service.name, index, self._look_s())
            index, deployment = answer.index, answer.body or {}
            ours = deployment.get("JobVersion") == version
            if ours and deployment["Status"] in _OVER:
                break
            if not ours and deployment.get("JobVersion", -1) > version:
                break  # Nomad reverted already; what it reverted from is judged below
            allocations = self._allocations(version)
            if not ours and self.service.kind is Kind.SYSTEM and allocations:
                return  # this Nomad makes no deployments for system jobs: Consul's word, below, has to do
            if ours and any(one["ClientStatus"] == "failed" for one in allocations):
                # Nomad would go on replacing it until the deadline; it may also have come to the same end just now.
                with suppress(DeployError):
                    self.nomad.api.put(f"/v1/deployment/fail/{deployment['ID']}")
            self.step.says(why.waiting_for(allocations))
            self._in_time(lambda: self._failures(version))
        if not (ours and deployment["Status"] == "successful"):
            self._failed(version)

    def _settle(self) -> None:
        """Wait until Consul, which NGINX listens to, has as many healthy instances as the job asks for."""
        name = self.service.consul_name(self.service.route.port if self.service.route else self.service.ports[0].label)
        index = 0
        while True:
            answer = self.consul.healthy(name, index, self._look_s())
            index, healthy = answer.index, len(answer.body or ())
            if healthy >= self.instances:
                self.step.says(f"{healthy} healthy")
                return
            self.step.says(f"Consul: {healthy} of {self.instances} healthy")
            self._in_time(lambda: self._failures(None))

    def _failed(self, version: int) -> None:
        reason = self._failures(version)
        live = self.nomad.job(self.service.name)
        if live is not None and live["Version"] > version:
            fix = "the last good version serves; mend the service and deploy again"
            raise RevertedError(f"service '{self.service.name}'", f"deployed and reverted: {reason}", fix)
        raise DeployError(f"service '{self.service.name}'", reason)

    def _failed_before(self, live: Mapping[str, Any] | None) -> bool:
        deployment = (self.nomad.deployment(self.service.name, 0, 0).body if live else None) or {}
        return bool(deployment.get("Status") == "failed")

    def _failures(self, version: int | None) -> str:
        lacking = "; ".join(filter(None, map(why.placement, self._evaluations())))
        return lacking or why.failures(self.service, self._allocations(version), self.nomad, self.consul)

    def _evaluations(self) -> list[Mapping[str, Any]]:
        rows = self.nomad.api.get(f"/v1/job/{self.service.name}/evaluations", namespace=self.nomad.namespace) or []
        newest = sorted(rows, key=lambda row: -row["CreateIndex"])[:3]
        return [row for row in newest if row["Status"] == "blocked"][:1]

    def _allocations(self, version: int | None) -> list[Mapping[str, Any]]:
        rows = self.nomad.allocations(self.service.name).body or []
        chosen = [row for row in rows if version is None or row["JobVersion"] == version]
        return sorted(chosen, key=lambda row: -row["CreateIndex"])

    def _look_s(self) -> float:
        return min(_LOOK_S, max(self.deadline - time.monotonic(), 0.1))

    def _in_time(self, reason: Callable[[], str]) -> None:
        if time.monotonic() >= self.deadline:
            self._stop_waiting(reason())

    def _stop_waiting(self, reason: str) -> None:
        fix = "nothing was stopped; Nomad goes on by itself when the cause is gone, and `berth deploy` looks again"
        raise DeadlineError(f"service '{self.service.name}'", reason, fix)


def _same(live: Mapping[str, Any] | None, job: Mapping[str, Any]) -> bool:
    return live is not None and not live["Stop"] and _release(live) == _release(job)


def _release(job: Mapping[str, Any]) -> str:
    return str((job.get("Meta") or {}).get("berth_release", ""))


def _refuse_foreign(job: Mapping[str, Any], live: Mapping[str, Any] | None) -> None:
    """Leave alone what Berth did not make: a job of this name without our mark."""
    if (
        live is not None
        and not live["Stop"]
        and (live.get("Meta") or {}).get("berth_stack") != job["Meta"]["berth_stack"]
    ):
        what = "Nomad already runs a job of this name that Berth did not make"
        raise DeployError(f"job {job['ID']}", what, "rename the service, or stop that job if it is yours")
