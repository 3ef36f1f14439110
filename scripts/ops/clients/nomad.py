"""Nomad, through python-nomad with quoted ids, verified TLS and nothing from the environment; httpx for the rest."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import nomad
import requests
from nomad.api.exceptions import BaseNomadException, URLNotAuthorizedNomadException

from infra.holdings import nomad as holdings
from nomad_jobs.errors import AuthError, BerthError, RefusedError
from scripts.ops.clients.api import FIX, TIMEOUT_S, Answer, Api, session

_LONGEST_BYTES = 1 << 20
"""Of a file of an instance. A task may write what it likes, and may go on writing while it is read."""


class Nomad:
    """One Nomad cluster, with one token in one namespace."""

    def __init__(self, url: str, token: str, ca_file: str | None = None, namespace: str = "default") -> None:
        self.namespace = namespace
        self._api = Api("Nomad", url, headers={holdings.HEADER: token} if token else {}, ca_file=ca_file, fix=FIX)
        self._session = session(ca_file)
        # python-nomad reads from the environment what is left empty, and verifies TLS only when told to.
        self._client = nomad.Nomad(
            address=url,
            token=token or None,
            namespace=namespace,
            timeout=int(TIMEOUT_S),
            verify=ca_file or True,
            session=self._session,
        )

    def close(self) -> None:
        """Close its connections."""
        self._api.close()
        self._session.close()

    def own_token(self) -> dict[str, Any]:
        """Read what Nomad says of the token that this client has."""
        found: dict[str, Any] = self._api.get("/v1/acl/token/self") or {}
        return found

    def parse(self, hcl: str) -> dict[str, Any]:
        """Have Nomad parse a job file.

        Raises:
            RefusedError: it is not a valid job; the message is Nomad's, with the line.

        """
        with self._translated("parse job"):
            parsed: dict[str, Any] = self._client.jobs.parse(hcl, canonicalize=True)
            return parsed

    def validate(self, job: dict[str, Any]) -> None:
        """Have Nomad validate the job.

        Raises:
            RefusedError: it is not valid; the message names every field.

        """
        with self._translated(f"validate {job['ID']}"):
            answer = self._client.validate.validate_job({"Job": job}).json()
        if answer.get("ValidationErrors"):
            raise RefusedError(f"job {job['ID']}", "; ".join(answer["ValidationErrors"]))

    def version(self) -> tuple[int, ...]:
        """Read the agent's version, such as (1, 11, 1)."""
        found = self._api.get("/v1/agent/self")["config"]["Version"]["Version"]
        return tuple(int(number) for number in re.findall(r"\d+", found)[:3])

    def jobs_of(self, stack: str) -> list[str]:
        """Name the jobs that are marked with `stack` and are not stopped."""
        rows = self._api.get("/v1/jobs", meta="true", namespace=self.namespace) or []
        marked = [row for row in rows if (row.get("Meta") or {}).get("berth_stack") == stack]
        return sorted(str(row["ID"]) for row in marked if not row["Stop"])

    def changes(self, job: dict[str, Any]) -> bool:
        """Ask Nomad whether registering `job` would change anything."""
        body = {"Job": job, "Diff": True}
        answer = self._api.put(f"/v1/job/{_id(job['ID'])}/plan", json=body, namespace=self.namespace)
        return bool(answer["Diff"]["Type"] != "None")

    def job(self, job_id: str) -> dict[str, Any] | None:
        """Read a job; None when Nomad has none of this id."""
        found: dict[str, Any] | None = self._api.get(f"/v1/job/{_id(job_id)}", namespace=self.namespace)
        return found

    def register(self, job: dict[str, Any], *, modify_index: int) -> str:
        """Register `job` if it is still at `modify_index` (0: it does not exist); give the evaluation's id.

        Raises:
            RefusedError: somebody else changed the job in between, or Nomad refuses it.

        """
        body = {"Job": job, "EnforceIndex": True, "JobModifyIndex": modify_index}
        with self._translated(f"register {job['ID']}"):
            answer: dict[str, Any] = self._client.job.register_job(_id(job["ID"]), body)
            return str(answer["EvalID"])

    def stop(self, job_id: str, *, purge: bool = False) -> None:
        """Stop a job; with `purge`, forget it too. A missing job is fine."""
        self._api.delete(f"/v1/job/{_id(job_id)}", purge=str(purge).lower(), namespace=self.namespace)

    def evaluate(self, job_id: str) -> None:
        """Have the scheduler look at a job again: what failed for good is then placed anew."""
        body = {"JobID": job_id, "EvalOptions": {"ForceReschedule": True}}
        self._api.put(f"/v1/job/{_id(job_id)}/evaluate", json=body, namespace=self.namespace)

    def mark_stable(self, job_id: str, version: int) -> None:
        """Make a version the one to which Nomad reverts."""
        body = {"JobID": job_id, "JobVersion": version, "Stable": True}
        self._api.put(f"/v1/job/{_id(job_id)}/stable", json=body, namespace=self.namespace)

    def evaluation(self, eval_id: str, index: int, wait_s: float) -> Answer:
        """Wait for a change of an evaluation."""
        return self._api.blocking(f"/v1/evaluation/{_id(eval_id)}", index, wait_s)

    def deployment(self, job_id: str, index: int, wait_s: float) -> Answer:
        """Wait for a change of a job's newest deployment; the body is None before there is one."""
        return self._api.blocking(f"/v1/job/{_id(job_id)}/deployment", index, wait_s, namespace=self.namespace)

    def fail_deployment(self, deployment_id: str) -> None:
        """End a deployment as failed, as Nomad would at its deadline."""
        self._api.put(f"/v1/deployment/fail/{_id(deployment_id)}")

    def evaluations(self, job_id: str) -> list[dict[str, Any]]:
        """Read a job's evaluations, newest first."""
        rows = self._api.get(f"/v1/job/{_id(job_id)}/evaluations", namespace=self.namespace) or []
        return sorted(rows, key=lambda row: -int(row["CreateIndex"]))

    def allocations(self, job_id: str, index: int = 0, wait_s: float = 1) -> Answer:
        """Wait for a change of a job's allocations."""
        return self._api.blocking(f"/v1/job/{_id(job_id)}/allocations", index, wait_s, namespace=self.namespace)

    def log_tail(self, alloc_id: str, task: str, stream: str = "stderr", size: int = 2000) -> str:
        """Read the last `size` bytes that a task wrote."""
        return self._api.text(
            f"/v1/client/fs/logs/{_id(alloc_id)}",
            task=task,
            type=stream,
            plain="true",
            origin="end",
            offset=size,
        )

    def file(self, alloc_id: str, path: str) -> str:
        """Read a file of an allocation, which its task may have written; empty when there is none.

        Raises:
            AuthError: the token may not read files.
            RefusedError: it is longer than any of Berth's, or no file.

        """
        try:
            # Nomad begins to send a file with 200, and says in its place what is wrong; here it says it properly.
            found = self._api.get(f"/v1/client/fs/stat/{_id(alloc_id)}", path=path)
        except RefusedError as error:
            if "no such file" in error.what:
                return ""
            raise
        if found and (found["IsDir"] or found["Size"] > _LONGEST_BYTES):
            raise RefusedError(self._api.where, f"{path} is no file of at most {_LONGEST_BYTES >> 10} KiB")
        ask: dict[str, str | int] = {"path": path, "offset": 0, "limit": _LONGEST_BYTES}
        return self._api.text(f"/v1/client/fs/readat/{_id(alloc_id)}", **ask) if found else ""

    def nodes(self) -> list[dict[str, Any]]:
        """Read all nodes, with their devices."""
        return self._api.get("/v1/nodes", resources="true") or []

    def all_allocations(self) -> list[dict[str, Any]]:
        """Read the allocations of every namespace, with the resources that each has."""
        return self._api.get("/v1/allocations", resources="true", namespace="*") or []

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except URLNotAuthorizedNomadException as error:
            raise AuthError(
                self._api.where, f"{what}: {error}", "the token is missing, expired or not allowed"
            ) from None
        except BaseNomadException as error:
            if isinstance(getattr(error, "nomad_resp", None), requests.RequestException):
                raise BerthError(self._api.where, f"{what}: does not answer", FIX) from None
            words = _words(error)
            # Nomad takes a token that is no UUID for a workload identity, and refuses it with a 500.
            kind = AuthError if "ACL token not found" in words else RefusedError
            raise kind(self._api.where, f"{what}: {words}") from None
        except requests.RequestException as error:
            raise BerthError(self._api.where, f"{what}: does not answer ({error})", FIX) from None


def _id(raw: str) -> str:
    """Quote an id for a path: python-nomad does not, so `a/../../acl` would reach another endpoint."""
    return quote(raw, safe="")


def _words(error: BaseNomadException) -> str:
    response = getattr(error, "nomad_resp", None)
    text = getattr(response, "text", "") or str(error)
    return " ".join(str(text).split())
