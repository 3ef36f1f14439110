"""`berth tools`: what it prints and its exit codes."""

import json
from pathlib import Path

import pytest

from nomad_jobs.errors import Exit
from scripts import cli
from scripts.ops.toolchain import order
from tests.support.publisher import NAME, MakeProgram


@pytest.mark.usefixtures("publisher")
def test_install_says_where_each_program_is_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tools", "install", NAME, "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == {NAME: str(order.resolve(NAME))}


def test_install_accepts_system_programs(on_path: MakeProgram, capsys: pytest.CaptureFixture[str]) -> None:
    path = on_path("wrk", "echo")
    assert cli.run(["tools", "install", "wrk", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == {"wrk": str(path)}


def test_install_of_an_unknown_program_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tools", "install", "nomat"]) == Exit.CONFIG
    assert "error nomat: Berth knows no such program" in capsys.readouterr().err


@pytest.mark.usefixtures("publisher")
def test_list_shows_what_is_wanted_and_what_is_found(on_path: MakeProgram, capsys: pytest.CaptureFixture[str]) -> None:
    path = on_path(NAME, "echo v1.4.0")
    assert cli.run(["tools", "list", "--json"]) == Exit.DONE
    rows = {row["program"]: row for row in json.loads(capsys.readouterr().out)}
    here = {"program": NAME, "wanted": "1.2.3", "found": "1.4.0", "from": "PATH", "path": str(path)}
    assert rows[NAME] == here
    assert rows["nomad"] == here | {"program": "nomad", "wanted": "1.11.1", "found": "", "from": "", "path": ""}


def test_list_is_a_table_for_people(cache_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not cache_dir.exists()
    assert cli.run(["tools", "list"]) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["program", "wanted", "found", "from", "path"]
    assert lines[1].split() == ["nomad", "1.11.1"]
