"""Measures how long the laptop's platform takes to boot, serve, stop and boot again, and how much memory it has."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.rows import Row, seconds
from scripts.ops.local import processes
from tests.support.laptop import free_ports

_RUNS = 3
_PLATFORM = ("nomad", "consul", "vault", "nginx", "example-fs-device", "docker-registry")


def measure() -> list[Row]:
    """Boot from nothing, boot again, stop, boot after that; programs and virtual environment are installed."""
    times: dict[str, list[float]] = {"first": [], "again": [], "down": [], "back": []}
    sizes: list[float] = []
    kept: list[float] = []
    own: list[float] = []
    for _ in range(_RUNS):
        with laptop_of_its_own() as berth:
            times["first"].append(seconds(lambda: berth("up", *berth.ports)))
            sizes.append(berth.pss_mb())
            kept.append(berth.request_ms("fw-parse", "/health"))
            own.append(berth.request_ms("ingress", "/healthz"))
            times["again"].append(seconds(lambda: berth("up")))
            times["down"].append(seconds(lambda: berth("down")))
            times["back"].append(seconds(lambda: berth("up")))
    return [
        _row("`berth up` from nothing to all verified", times["first"], "45 s"),
        _row("`berth up` with nothing to do", times["again"], "5 s"),
        _row("`berth down`", times["down"], ""),
        _row("`berth up` after it, data kept", times["back"], ""),
        Row(
            what="memory (PSS): Nomad and helpers, Consul, Vault, NGINX",
            values=tuple(sizes),
            unit="MB",
            promise="700 MB",
        ),
        Row(what="a request to an app through NGINX, connection kept: median of 200", values=tuple(kept), unit="ms"),
        Row(what="the same to NGINX's own page, for comparison", values=tuple(own), unit="ms"),
        Row(what="`berth --help`", values=tuple(seconds(_help) for _ in range(5)), unit="s"),
    ]


class Berth:
    """The command, on a state directory of its own."""

    def __init__(self, root: Path, ports: dict[str, int]) -> None:
        self.root = root
        self._http_port = ports["http"]
        self.ports = [word for name, number in ports.items() for word in ("--port", f"{name}={number}")]

    def __call__(self, *words: str) -> None:
        """Run it with these words; it has to succeed."""
        env = {**os.environ, "BERTH_STATE_DIR": str(self.root)}
        argv = [sys.executable, "-m", "scripts", *words]
        done = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"berth {words[0]} ended with {done.returncode}: {done.stderr}")

    def request_ms(self, host: str, path: str) -> float:
        """Give the median of 200 requests on one connection, after the first."""
        headers = {"Host": f"{host}.localhost"}
        with httpx.Client(base_url=f"http://127.0.0.1:{self._http_port}", headers=headers, trust_env=False) as client:
            client.get(path).raise_for_status()
            return statistics.median(seconds(lambda: client.get(path)) * 1000 for _ in range(200))

    def pss_mb(self) -> float:
        """Add up the memory of the platform's own programs."""
        ours = [one for one in processes.of_state(self.root) if is_platform(one)]
        return sum(one.memory_full_info().pss for one in ours) / 1e6


def is_platform(process: psutil.Process) -> bool:
    """Whether it is one of the platform's own programs, and no task."""
    program = processes.program(process)
    return program is not None and program.name.startswith(_PLATFORM)


@contextmanager
def laptop_of_its_own() -> Iterator[Berth]:
    """Give the command on an empty state directory and free ports; all is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="berth-") as folder, free_ports() as ports:
        berth = Berth(Path(folder) / "state", ports)
        try:
            yield berth
        finally:
            berth("down", "--destroy", "--yes")


def _help() -> None:
    subprocess.run([sys.executable, "-m", "scripts", "--help"], check=True, capture_output=True)


def _row(what: str, values: list[float], promise: str) -> Row:
    return Row(what=what, values=tuple(values), unit="s", promise=promise)
