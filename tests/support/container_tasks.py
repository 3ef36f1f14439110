"""Small services in containers for live tests, ways to look into them, and images that differ from ours a little."""

import hashlib
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from docker import DockerClient
from docker.errors import NotFound

from nomad_jobs.images import Pins
from nomad_jobs.model import Container, Port, Service, Size
from nomad_jobs.registry import APPS_USER, apps_image
from scripts.ops.local.containers import registry
from scripts.ops.local.containers.daemon import connected
from scripts.ops.local.setup.seed import seed
from scripts.ops.waiting import wait_until
from tests.support.container_laptop import ContainerLaptop
from tests.support.laptop import Laptop
from tests.support.registry import MANIFEST, put_blob, put_manifest

IMAGE = "bot-detector"
"""An image of ours, for what is in it: a shell and Python."""
REPOSITORY = f"backend/{IMAGE}/main"
_OF_A_SERVICE = ("env", "files", "ports", "checks", "route", "stop_signal")
STAYS = "exec sleep 3600"


def task(name: str, *argv: str, tag: str = "0.1.0", size: Size | None = None, **changes: Any) -> Service:
    """A service without checks and route that runs `argv`; `changes` are those of its container, or of itself."""
    own = {key: changes.pop(key) for key in _OF_A_SERVICE if key in changes}
    container = Container(**{"image": apps_image(IMAGE, tag), "argv": argv, "user": APPS_USER, **changes})
    # Most of what runs here has no handler: as a first process it would ignore SIGTERM until it is killed.
    values: dict[str, Any] = {"stop_signal": "SIGKILL", "ports": (Port(container=8000),), "checks": (), **own}
    return Service(
        name=name, summary="A test", container=container, size=size or Size(starts_within_s=20, cpu_mhz=20), **values
    )


def shell(name: str, *lines: str, **changes: Any) -> Service:
    """A service that runs these lines of shell, and then sleeps."""
    return task(name, "/bin/sh", "-c", "\n".join((*lines, STAYS)), **changes)


@contextmanager
def running(laptop: Laptop, *services: Service) -> Iterator[None]:
    """Deploy services with first values of their secrets; none of them is left at the end of the block."""
    seed(services, laptop.platform, laptop.target.vault, laptop.state.keys)
    try:
        laptop.deploy(*services)
        yield
    finally:
        for service in services:
            laptop.target.nomad.stop(service.name)
        for service in services:
            wait_until(partial(_left, laptop, service.name), where=service.name, what="end", deadline_s=40)
        # Not before: a purge takes the allocations out of Nomad, whose client then ends their tasks two at a time.
        for service in services:
            laptop.target.nomad.stop(service.name, purge=True)


def _left(laptop: Laptop, job: str) -> str | None:
    """Say what has not gone: Docker frees the port of a container that has ended a moment after Nomad does.

    What is still being pulled has no container, and Nomad cannot end that: it starts none of a job that is purged.
    """
    rows = laptop.nomad.get(f"/v1/job/{job}/allocations") or []
    live = [row["ID"] for row in rows if row["ClientStatus"] == "running"]
    assert laptop.settings.containers
    with connected(laptop.settings.containers.daemon) as client:
        theirs = [one for one in client.api.containers(all=True) if one["Names"][0].startswith(f"/{job}-")]
        if not live and not theirs:
            return None
        return "; ".join([*map(_of_nomad, rows), *(_of_docker(client, one["Id"]) for one in theirs)])


def _of_nomad(row: dict[str, Any]) -> str:
    """Say what Nomad knows of an allocation, and its last three events."""
    events = [event for one in (row["TaskStates"] or {}).values() for event in one["Events"]][-3:]
    told = [f"{event['Type']} at {event['Time'] / 1e9:.0f}: {event['DisplayMessage'][:80]}" for event in events]
    return f"allocation {row['ID'][:8]} is {row['ClientStatus']} and to {row['DesiredStatus']} ({', '.join(told)})"


def _of_docker(client: DockerClient, container_id: str) -> str:
    """Say what Docker knows of a container in its list and by itself, and whether its first process is there."""
    try:
        found = client.api.inspect_container(container_id)
    except NotFound:
        return f"container {container_id[:12]} is in the list alone"
    state = found["State"]
    is_there = Path(f"/proc/{state['Pid']}/stat").exists() if state["Pid"] else False
    return f"container {found['Name']} is {state}; its process is {'there' if is_there else 'gone'}"


def allocations(laptop: Laptop, job: str) -> list[dict[str, Any]]:
    """List those that run and are to go on, oldest first."""
    rows = laptop.nomad.get(f"/v1/job/{job}/allocations") or []
    wanted = [row for row in rows if row["ClientStatus"] == "running" and row["DesiredStatus"] == "run"]
    return sorted(wanted, key=lambda row: int(row["CreateIndex"]))


def container(there: ContainerLaptop, job: str) -> str:
    """Name the container of the one instance of `job` that runs."""
    (row,) = allocations(there.laptop, job)
    return f"{job}-{row['ID']}"


def inspected(there: ContainerLaptop, job: str) -> dict[str, Any]:
    """Give what Docker knows about the container of `job`."""
    (found,) = json.loads(there.docker("inspect", container(there, job)))
    return dict(found)


def inside(there: ContainerLaptop, job: str, script: str, user: str = "") -> str:
    """Run a line of shell in the container of `job`; give what it says, its errors too, without their paths."""
    who = ("--user", user) if user else ()
    return there.docker("exec", *who, container(there, job), "/bin/sh", "-c", f"{{ {script}; }} 2>&1; true")


def with_image(laptop: Laptop, tag: str, *, layer: bytes = b"", **config: Any) -> Laptop:
    """Push our image with another configuration, and perhaps a layer more; give the laptop that has it pinned."""
    with repository(laptop) as http:
        pinned = laptop.pins[apps_image(IMAGE)]
        manifest = http.get(f"/manifests/{pinned}", headers={"accept": MANIFEST}).raise_for_status().json()
        about = http.get(f"/blobs/{manifest['config']['digest']}").raise_for_status().json()
        about["config"] = {key: value for key, value in {**about["config"], **config}.items() if value is not None}
        about["comment"] = tag  # so that each variant has a digest of its own
        if layer:
            about["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
            kind = "application/vnd.oci.image.layer.v1.tar"
            manifest["layers"].append({"mediaType": kind, **put_blob(http, layer)})
        manifest["config"] |= put_blob(http, json.dumps(about).encode())
        digest = put_manifest(http, tag, MANIFEST, manifest)
    return replace(laptop, pins=Pins({**laptop.pins, apps_image(IMAGE, tag): digest}))


@contextmanager
def repository(laptop: Laptop) -> Iterator[httpx.Client]:
    """Talk to our image's repository in the laptop's registry, with its login."""
    network = laptop.platform.container_network
    assert network
    login = registry.login(laptop.platform, laptop.target.vault)
    trust = ssl.create_default_context(cafile=str(registry.authority(network.registry)))
    url = f"https://{network.registry}/v2/{REPOSITORY}"
    known = (login.username, login.password)
    with httpx.Client(base_url=url, auth=known, verify=trust, trust_env=False, timeout=60) as http:
        yield http
