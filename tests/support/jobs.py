"""Small jobs for the real Nomad, as values."""

import time
from typing import Any

from scripts.ops.clients.api import Api


def sleeper(name: str, *, kind: str = "service", count: int = 1, gpus: int = 0) -> dict[str, Any]:
    """A job whose tasks do nothing until they are told to stop."""
    devices = [{"Name": "nomad/file", "Count": gpus}] if gpus else []
    task = {
        "Name": name,
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sleep", "args": ["3600"]},
        "Resources": {"CPU": 20, "MemoryMB": 16, "Devices": devices},
    }
    return {
        "ID": name,
        "Name": name,
        "Type": kind,
        "Datacenters": ["dc1"],
        "NodePool": "all",
        "TaskGroups": [{"Name": name, "Count": count, "Tasks": [task]}],
    }


def run(nomad: Api, job: dict[str, Any]) -> None:
    """Register a job, and wait until all of it runs."""
    nomad.put("/v1/jobs", json={"Job": job})
    await_running(nomad, job["ID"], job["TaskGroups"][0]["Count"])


def await_running(nomad: Api, job: str, count: int) -> None:
    """Wait until a job runs `count` times."""
    end, index = time.monotonic() + 30, 0
    while time.monotonic() < end:
        answer = nomad.blocking(f"/v1/job/{job}/allocations", index, 5)
        index = answer.index
        if sum(one["ClientStatus"] == "running" for one in answer.body or ()) == count:
            return
    raise AssertionError(f"{job} does not run {count} times")
