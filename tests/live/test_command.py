"""The command from outside, as a user runs it: up, up again, status, down, up with its data, destroy."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nomad_jobs.catalog import SERVICES
from scripts.ops.waiting import wait_until
from tests.support.laptop import command_lines, free_ports

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("command")]

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Berth:
    """The command on a state directory and ports of its own."""

    root: Path
    ports: dict[str, int]

    def __call__(self, *words: str) -> Done:
        env = {**os.environ, "BERTH_STATE_DIR": str(self.root)}
        argv = [sys.executable, "-m", "scripts", *words]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=300, check=False, input="")


@pytest.fixture(scope="module")
def berth() -> Iterator[Berth]:
    with tempfile.TemporaryDirectory(prefix="berth-") as folder, free_ports() as ports:
        command = Berth(Path(folder) / "state", ports)
        try:
            yield command
        finally:
            command("down", "--destroy", "--yes")


@pytest.fixture(scope="module")
def booted(berth: Berth) -> Done:
    done = berth(
        "up", "--nodes", "2", *(word for name, number in berth.ports.items() for word in ("--port", f"{name}={number}"))
    )
    assert done.returncode == 0, done.stderr
    return done


def test_up_ends_with_a_table_and_lines_to_try(booted: Done, berth: Berth) -> None:
    for service in SERVICES:
        assert f"http://{service.name}.localhost:{berth.ports['http']}" in booted.stdout
    assert f"-H @{os.path.relpath(berth.root)}/headers/llama-4-scout" in booted.stdout
    assert "✓ front door" in booted.stderr


def test_each_line_to_try_works_as_printed(booted: Done) -> None:
    lines = [line.strip() for line in booted.stdout.splitlines() if line.startswith("  curl ")]
    assert len(lines) == len(SERVICES)
    for line in lines:
        done = subprocess.run(["/bin/sh", "-c", line + " -f"], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def lasting(berth: Berth) -> set[int]:
    """Processes that stay: those of health checks come and go."""
    return {pid for pid, line in command_lines(berth.root).items() if "probe.py" not in line}


@pytest.mark.usefixtures("booted")
def test_up_again_keeps_every_process(berth: Berth) -> None:
    before = lasting(berth) & lasting(berth)  # a check that just begins still has the command line of its parent
    again = berth("up", "--json")
    assert again.returncode == 0, again.stderr
    assert {row["service"]: row["changed"] for row in json.loads(again.stdout)} == {one.name: False for one in SERVICES}
    wait_until(
        lambda: None if lasting(berth) == before else "others run",
        where="the platform",
        what="the same processes as before",
        deadline_s=20,
    )


@pytest.mark.usefixtures("booted")
def test_a_deployment_of_one_service_is_reported_for_programs(berth: Berth) -> None:
    done = berth("deploy", "--only", "fw-parse", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["service"], row["instances"], row["changed"]) == ("fw-parse", 1, False)


@pytest.mark.usefixtures("booted")
def test_down_keeps_the_data_and_up_brings_it_back(berth: Berth) -> None:
    header = berth.root / "headers" / "llama-4-scout"
    before = header.read_text()
    assert berth("down").returncode == 0
    assert command_lines(berth.root) == {}
    assert json.loads(berth("status", "--json").stdout)["agents"] == []
    back = berth("up")
    assert back.returncode == 0, back.stderr
    assert header.read_text() == before
    found = json.loads(berth("status", "--json").stdout)
    assert all(row["instances"] >= row["wanted"] for row in found["services"])


@pytest.mark.usefixtures("booted")
def test_destroy_without_a_yes_and_without_a_terminal_is_refused(berth: Berth) -> None:
    refused = berth("down", "--destroy")
    assert refused.returncode == 2
    assert "add --yes" in refused.stderr
    assert berth.root.exists()
