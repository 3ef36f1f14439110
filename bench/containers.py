"""Measures the laptop's platform with its services as containers, in a network namespace with a Docker of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bench.laptop import Berth, is_platform, laptop_of_its_own
from bench.rows import Row, seconds
from nomad_jobs.catalog import SERVICES
from nomad_jobs.platform import LOCAL, Driver
from nomad_jobs.resolve import resolve
from scripts.ops.local import processes
from scripts.ops.local.containers import images
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from tests.support.docker import docker
from tests.support.machines.namespaces import Namespace

_RUNS = 3
_DOCKERS = ("dockerd", "containerd", "containerd-shim", "docker-proxy")


def measure() -> list[Row]:
    """Boot with all images built, which `bench/images.py` measures; boot again, stop, boot after that."""
    times: dict[str, list[float]] = {"first": [], "again": [], "down": [], "back": []}
    ours: list[float] = []
    dockers: list[float] = []
    tasks: list[float] = []
    for _ in range(_RUNS):
        with _laptop() as berth:
            times["first"].append(seconds(lambda: berth("up", "--containers", *berth.ports)))
            ours.append(_pss_mb(one for one in processes.of_state(berth.root) if is_platform(one)))
            dockers.append(_pss_mb(one for one in psutil.process_iter() if _is_dockers(one)))
            tasks.append(_pss_mb(one for one in psutil.process_iter() if _is_contained(one)))
            times["again"].append(seconds(lambda: berth("up")))
            times["down"].append(seconds(lambda: berth("down")))
            times["back"].append(seconds(lambda: berth("up")))
    return [
        _row("`berth up --containers` from nothing, images built", times["first"]),
        _row("the same after `berth down`: images pushed, data kept", times["back"], "40 s"),
        _row("`berth up` with nothing to do", times["again"]),
        _row("`berth down`", times["down"]),
        Row(what="memory (PSS): Nomad and helpers, Consul, Vault, registry", values=tuple(ours), unit="MB"),
        Row(what="memory (PSS): Docker, its proxies and shims", values=tuple(dockers), unit="MB"),
        Row(what="memory (PSS): what runs in the containers, NGINX included", values=tuple(tasks), unit="MB"),
    ]


@contextmanager
def _laptop() -> Iterator[Berth]:
    namespace = Namespace()
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        images.build(resolve(SERVICES, LOCAL, Driver.DOCKER).services, State(Path(folder)), Progress())
        with namespace.inside(), docker(Path(folder), makes_networks=True) as daemon:
            os.environ["DOCKER_HOST"] = daemon.host
            try:
                with laptop_of_its_own() as berth:
                    yield berth
            finally:
                del os.environ["DOCKER_HOST"]
    namespace.close()


def _pss_mb(found: Iterator[psutil.Process]) -> float:
    return sum(map(_pss, found)) / 1e6


def _pss(process: psutil.Process) -> float:
    with suppress(psutil.Error):  # checks live for milliseconds
        return float(process.memory_full_info().pss)
    return 0.0


def _is_dockers(process: psutil.Process) -> bool:
    program = processes.program(process)
    return program is not None and program.name.startswith(_DOCKERS)


def _is_contained(process: psutil.Process) -> bool:
    """Whether a shim of containerd's started it, or its parent."""
    with suppress(psutil.Error):
        return any(parent.name().startswith("containerd-shim") for parent in process.parents())
    return False


def _row(what: str, values: list[float], promise: str = "") -> Row:
    return Row(what=what, values=tuple(values), unit="s", promise=promise)
