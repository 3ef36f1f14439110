"""Small jobs for the real Nomad, and what runs them."""

import time
from typing import Any

from nomad_jobs.images import pinned
from nomad_jobs.platform import Driver
from nomad_jobs.registry import place_of
from scripts.ops.clients.api import Api
from tests.support.laptop import Laptop
from tests.support.services import web


def sleeper(name: str, *, kind: str = "service", count: int = 1, gpus: int = 0) -> dict[str, Any]:
    """Make a job whose tasks do nothing until they are stopped."""
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


def task_of(laptop: Laptop, name: str, *argv: str) -> dict[str, Any]:
    """Make a task that runs `argv` under the driver of the laptop's nodes, in an image that its registry has."""
    network = laptop.platform.container_network
    if network is None:
        return {"Name": name, "Driver": Driver.RAW_EXEC, "Config": {"command": argv[0], "args": argv[1:]}}
    image = place_of(pinned(web(name).container.image, laptop.pins, name), network.registry)
    return {
        "Name": name,
        "Driver": Driver.DOCKER,
        "Config": {"image": image, "args": argv, "network_mode": network.name},
    }


def run(nomad: Api, job: dict[str, Any]) -> None:
    """Register a job and wait until its instances run."""
    nomad.put("/v1/jobs", json={"Job": job})
    await_running(nomad, job["ID"], job["TaskGroups"][0]["Count"])


def await_running(nomad: Api, job: str, count: int) -> None:
    """Wait until exactly `count` instances of `job` run; raises AssertionError after 30 seconds."""
    end = time.monotonic() + 30
    index = 0
    while time.monotonic() < end:
        answer = nomad.blocking(f"/v1/job/{job}/allocations", index, 5)
        index = answer.index
        if sum(one["ClientStatus"] == "running" for one in answer.body or ()) == count:
            return
    raise AssertionError(f"{job} does not run {count} times")
