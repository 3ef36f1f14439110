"""Processes and ports: no process of others is ended, and a taken port is named with its owner."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.local import processes

_SLEEP = (sys.executable, "-c", "import sys; sys.stdin.read()")


@contextmanager
def running(folder: Path, **env: str) -> Iterator[psutil.Process]:
    folder.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(_SLEEP, cwd=folder, stdin=subprocess.PIPE, env={**os.environ, **env}) as child:
        yield psutil.Process(child.pid)
        child.kill()


def ids(root: Path) -> set[int]:
    return {process.pid for process in processes.of_state(root)}


def test_a_process_with_our_mark_is_ours(tmp_path: Path) -> None:
    with running(tmp_path, BERTH_PLATFORM=str(tmp_path)) as process:
        assert ids(tmp_path) == {process.pid}


def test_another_platforms_process_is_not_ours(tmp_path: Path) -> None:
    with running(tmp_path, BERTH_PLATFORM=str(tmp_path / "other")):
        assert ids(tmp_path) == set()


def test_a_process_that_only_sits_in_the_directory_is_not_ours(tmp_path: Path) -> None:
    with running(tmp_path / "logs"):
        assert ids(tmp_path) == set()


def test_a_task_that_wiped_its_environment_is_known_by_its_allocation(tmp_path: Path) -> None:
    with running(tmp_path / "nomad-1" / "alloc" / "1234" / "web") as process:
        assert ids(tmp_path) == {process.pid}


def test_ending_waits_for_the_end(tmp_path: Path) -> None:
    with running(tmp_path, BERTH_PLATFORM=str(tmp_path)) as process:
        processes.end([process], deadline_s=5)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_taken_port_is_named_with_its_owner_and_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        owner = f"{psutil.Process().name()} (pid {os.getpid()})"
        suggested = port + 10_000 if port < 55_000 else port - 10_000
        message = f"port nomad_http: {port} is taken by {owner}; nothing was started"
        with pytest.raises(BerthError, match=re.escape(message) + f".* berth up --port nomad_http={suggested}"):
            processes.refuse_foreign({"nomad_http": port}, tmp_path)


def test_a_udp_port_is_looked_at_too(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BerthError, match="port nomad_serf"):
            processes.refuse_foreign({"nomad_serf": taken.getsockname()[1]}, tmp_path)


def test_the_same_port_at_another_address_is_free(tmp_path: Path) -> None:
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        processes.refuse_foreign({"nomad_http": elsewhere.getsockname()[1]}, tmp_path)  # bound, but not listening


def test_a_process_that_has_just_ended_runs_no_program(tmp_path: Path) -> None:
    """Nomad's script checks live for milliseconds: one that ends between two looks must not end `berth up`."""
    with running(tmp_path) as process:
        assert processes.program(process) == Path(sys.executable).resolve()
        ended = psutil.Process(process.pid)
    assert processes.program(ended) is None
