"""Takes one job from registered to healthy: follows Nomad by blocking queries, and gives up with a reason."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nomad_jobs.errors import DeadlineError, DeployError, RefusedError, RevertedError
from nomad_jobs.model import Kind, Service
from scripts.ops.clients.consul import Consul, addresses
from scripts.ops.clients.nomad import Nomad
from scripts.ops.deploy import container_fixes, diagnosis
from scripts.ops.deploy.hints import fixes
from scripts.ops.progress import Step

_LOOK_S = 5.0
"""Longest single wait: a failed task is noticed within this even when its deployment has no news."""
_ROOM_S = 10.0
"""How long a rollout waits while Nomad has room for none of its instances."""
_FINAL = {"successful", "failed", "cancelled"}
_ENDED = {"complete", "failed", "lost"}
_ATTEMPT = "berth_attempt"
"""Meta key of a job that is tried again unchanged: Nomad starts a new deployment only for a job that differs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """One service that is being rolled out, and the clients to follow it with."""

    service: Service
    instances: int
    """How many must be healthy at the end."""
    runs_containers: bool
    nomad: Nomad
    consul: Consul
    step: Step
    deadline: float
    """On the monotonic clock."""

    def run(self, hcl: str) -> bool:
        """Register the job `hcl` if it differs, and wait until its instances are healthy; give whether it differed.

        Raises:
            DeployError: Nomad refuses the job, or an instance fails; the message has its last log lines.
            RevertedError: an instance failed, and Nomad put the last good version back.
            DeadlineError: it took too long, or nothing has room for it.

        """
        job = self.nomad.parse(hcl)
        self.nomad.validate(job)
        live = self.nomad.job(self.service.name)
        _refuse_foreign(job, live)
        changed = self._differs(job, live)
        if changed and self.service.is_front_door and _is_replaced(job, live):
            self.step.says("the front door is replaced: it takes no connection until the old instance has ended")
        if changed:
            self._register(job, live)
        self._settle()
        return changed

    def _differs(self, job: dict[str, Any], live: Mapping[str, Any] | None) -> bool:
        """Ask Nomad whether `job` differs from `live`; one that failed before is marked, to be tried again."""
        if live is None or live["Stop"]:
            return True
        if attempt := (live.get("Meta") or {}).get(_ATTEMPT):
            job["Meta"][_ATTEMPT] = attempt
        if self.nomad.changes(job):
            return True
        if self._failed_before(live["Version"]):
            job["Meta"][_ATTEMPT] = str(int(job["Meta"].get(_ATTEMPT, "1")) + 1)
            return True
        return False

    def _register(self, job: dict[str, Any], live: Mapping[str, Any] | None) -> None:
        eval_id = self.nomad.register(job, modify_index=live["JobModifyIndex"] if live else 0)
        self._placed(eval_id)
        registered = self.nomad.job(self.service.name)
        if registered is None:
            raise DeployError(f"job {self.service.name}", "disappeared just after it was registered")
        if self.instances:
            self._deployed(registered["Version"])
        else:  # Nomad makes no deployment for none, and would revert to the version that had some
            self.nomad.mark_stable(self.service.name, registered["Version"])

    def _placed(self, eval_id: str) -> None:
        self.step.says("the scheduler")
        index = 0
        while True:
            answer = self.nomad.evaluation(eval_id, index, self._look_s())
            index = answer.index
            evaluation = answer.body or {}
            if evaluation.get("Status") in {"complete", "failed", "canceled", "blocked"}:
                break
            self._in_time(lambda: "the scheduler does not answer")
        if lacking := diagnosis.placement(evaluation):
            self._await_room(lacking)

    def _await_room(self, lacking: str) -> None:
        """Wait for room: a service that stops, or the next step of a rolling update, may free some."""
        self.step.says(lacking)
        index = 0
        end = min(time.monotonic() + _ROOM_S, self.deadline)
        while True:
            answer = self.nomad.allocations(self.service.name, index, max(end - time.monotonic(), 0.1))
            if any(row["DesiredStatus"] == "run" for row in answer.body or ()):
                return
            index = answer.index
            if time.monotonic() >= end:
                self._stop_waiting(lacking)

    def _deployed(self, version: int) -> None:
        index = 0
        while True:
            answer = self.nomad.deployment(self.service.name, index, self._look_s())
            index = answer.index
            deployment = answer.body or {}
            ours = deployment.get("JobVersion") == version
            if ours and deployment["Status"] in _FINAL:
                break
            if not ours and deployment.get("JobVersion", -1) > version:
                break  # Nomad has reverted to the last good version; `_failed` reports why
            allocations = self._allocations(version)
            if not ours and self.service.kind is Kind.SYSTEM and allocations:
                return  # this Nomad makes no deployments for system jobs; `_settle` asks Consul instead
            if ours and any(one["ClientStatus"] == "failed" for one in allocations):
                # Nomad would go on replacing it until the deadline; it refuses when it has just failed it itself.
                with suppress(RefusedError):
                    self.nomad.fail_deployment(deployment["ID"])
            self.step.says(diagnosis.waiting_for(allocations))
            self._in_time(lambda: self._failures(version))
        if not (ours and deployment["Status"] == "successful"):
            self._failed(version)

    def _settle(self) -> None:
        """Wait until Consul, which NGINX follows, has exactly the instances of the version that Nomad runs now."""
        index = 0
        while True:
            answer = self.consul.healthy(self.service.consul_name(self.service.main_port), index, self._look_s())
            index = answer.index
            healthy = addresses(answer.body or ())
            wanted = self._current()
            if set(healthy.values()) == wanted and len(healthy) == len(wanted) >= self.instances:
                self.step.says(f"{len(healthy)} healthy" if self.instances else "parked")
                return
            new = sum(id_of in wanted for id_of in healthy.values())
            old = f", and {len(healthy) - new} that must go" if len(healthy) > new else ""
            self.step.says(f"Consul: {new} of {max(len(wanted), self.instances)} healthy{old}")
            if len(wanted) < min(self.instances, self._least):
                self.step.says("not all of it runs any more: asking the scheduler again")
                self.nomad.evaluate(self.service.name)
            self._in_time(lambda: self._failures(None))

    @property
    def _least(self) -> int:
        """With how many it is left to Nomad: what is lost of a service it places anew, of a system job when asked."""
        return self.instances if self.service.kind is Kind.SYSTEM else 1

    def _current(self) -> set[str]:
        """Give the ids of the allocations that Nomad wants to run, in the job's newest version."""
        live = self.nomad.job(self.service.name) or {}
        rows = self.nomad.allocations(self.service.name).body or []
        newest = [row for row in rows if row["JobVersion"] == live.get("Version") and row["DesiredStatus"] == "run"]
        return {row["ID"] for row in newest if row["ClientStatus"] not in _ENDED}

    def _failed(self, version: int) -> None:
        reason = self._failures(version)
        live = self.nomad.job(self.service.name)
        if live is not None and live["Version"] > version:
            fix = f"the last good version serves; {self._fix(reason) or 'fix the service'}, and deploy again"
            raise RevertedError(f"service '{self.service.name}'", f"deployed and reverted: {reason}", fix)
        raise DeployError(f"service '{self.service.name}'", reason, self._fix(reason))

    def _fix(self, reason: str) -> str:
        known = fixes(reason, self.service)
        if known or not self.runs_containers:
            return known
        return container_fixes.fix_of(reason, self.service.container)

    def _failed_before(self, version: int) -> bool:
        """Whether this version failed. Nomad makes no deployment for each version of a system job."""
        deployment = self.nomad.deployment(self.service.name, 0, 0).body or {}
        return deployment.get("Status") == "failed" and deployment.get("JobVersion") == version

    def _failures(self, version: int | None) -> str:
        blocked = [row for row in self.nomad.evaluations(self.service.name)[:3] if row["Status"] == "blocked"]
        lacking = "; ".join(filter(None, map(diagnosis.placement, blocked[:1])))
        return lacking or diagnosis.failures(self.service, self._allocations(version), self.nomad, self.consul)

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
        rest = "nothing was stopped; Nomad goes on by itself when the cause is gone, and `berth deploy` checks again"
        fix = "; ".join(filter(None, (self._fix(reason), rest)))
        raise DeadlineError(f"service '{self.service.name}'", reason, fix)


def _is_replaced(job: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    return live is not None and (live.get("Meta") or {}).get("berth_form") != job["Meta"]["berth_form"]


def _refuse_foreign(job: Mapping[str, Any], live: Mapping[str, Any] | None) -> None:
    """Refuse to replace a job of this name that Berth did not make: it lacks our mark."""
    if live is None or live["Stop"]:
        return
    if (live.get("Meta") or {}).get("berth_stack") != job["Meta"]["berth_stack"]:
        what = "Nomad already runs a job of this name that Berth did not make"
        raise DeployError(f"job {job['ID']}", what, "rename the service, or stop that job if it is yours")
