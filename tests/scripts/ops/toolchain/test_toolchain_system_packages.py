"""System packages: installed when allowed, otherwise the exact command is told."""

import os
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import system_packages
from scripts.ops.toolchain.system_packages import SYSTEM_PROGRAMS, SystemProgram
from tests.support.publisher import MakeProgram

WRITES = """echo "$(id -u) $DEBIAN_FRONTEND $0 $@" >> {notes}
{fault}
case " $@ " in *" install "*) printf '#!/bin/sh\\n' > {program}; chmod 755 {program} ;; esac"""


@pytest.fixture(autouse=True)
def tool(tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `tool` a system program that root may install; return where its package would put it."""
    assert cache_dir
    packages = {"apt-get": "tool-server", "dnf": "tool"}
    program = SystemProgram(command="tool", packages=packages, service="toold")
    monkeypatch.setitem(SYSTEM_PROGRAMS, "tool", program)
    monkeypatch.setattr(system_packages, "_SYSTEM_FOLDERS", (str(tmp_path / "sbin"),))
    monkeypatch.setattr(system_packages, "SYSTEMD_RUNS", tmp_path / "systemd")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "sbin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "sbin" / "tool"


def put_apt(on_path: MakeProgram, tmp_path: Path, tool: Path, fault: str = "") -> Path:
    notes = tmp_path / "calls"
    on_path("apt-get", WRITES.format(notes=notes, program=tool, fault=fault))
    on_path("systemctl", WRITES.format(notes=notes, program="", fault=""))
    return notes


def calls(notes: Path) -> list[str]:
    return [line.split(maxsplit=2)[2].rpartition("/")[2] for line in notes.read_text().splitlines()]


def test_what_is_there_is_not_installed(on_path: MakeProgram, progress: Progress, tool: Path) -> None:
    path = on_path("tool", "echo", "sbin")
    assert system_packages.ensure(["tool"], progress) == {"tool": path} == {"tool": tool}


def test_root_installs_the_package(on_path: MakeProgram, progress: Progress, tmp_path: Path, tool: Path) -> None:
    notes = put_apt(on_path, tmp_path, tool)
    assert system_packages.ensure(["tool"], progress) == {"tool": tool}
    options = "-y --no-install-recommends -o DPkg::Lock::Timeout=120"
    assert calls(notes) == [f"apt-get install {options} tool-server"]
    assert "noninteractive" in notes.read_text()


def test_a_machine_without_package_lists_gets_them_first(
    on_path: MakeProgram, progress: Progress, tmp_path: Path, tool: Path
) -> None:
    fault = 'case "$1" in update) : > {0} ;; *) [ -e {0} ] || exit 100 ;; esac'.format(tmp_path / "lists")
    notes = put_apt(on_path, tmp_path, tool, fault)
    system_packages.ensure(["tool"], progress)
    assert [call.split()[1] for call in calls(notes)] == ["install", "update", "install"]


def test_the_service_a_package_starts_is_stopped_again(
    on_path: MakeProgram, progress: Progress, tmp_path: Path, tool: Path
) -> None:
    (tmp_path / "systemd").mkdir()
    notes = put_apt(on_path, tmp_path, tool)
    system_packages.ensure(["tool"], progress)
    assert calls(notes)[-1] == "systemctl disable --now toold"


def test_sudo_is_used_when_it_asks_for_no_password(
    on_path: MakeProgram, progress: Progress, tmp_path: Path, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    put_apt(on_path, tmp_path, tool)
    on_path("sudo", f'echo sudo "$@" >> {tmp_path}/sudo; shift; exec "$@"')
    assert system_packages.ensure(["tool"], progress) == {"tool": tool}
    assert all(line.startswith("sudo -n env ") for line in (tmp_path / "sudo").read_text().splitlines())


def test_without_rights_the_exact_command_is_told(
    on_path: MakeProgram, progress: Progress, tmp_path: Path, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    notes = put_apt(on_path, tmp_path, tool)
    on_path("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(ConfigError, match=r"^tool: not installed, .* — run `sudo apt-get install tool-server`$"):
        system_packages.ensure(["tool"], progress)
    assert not notes.exists()


def test_a_failing_package_manager_is_quoted(
    on_path: MakeProgram, progress: Progress, tmp_path: Path, tool: Path
) -> None:
    put_apt(on_path, tmp_path, tool, "echo 'E: Unable to locate package' >&2; exit 100")
    with pytest.raises(BerthError, match=r"^tool: apt-get failed: E: Unable to locate package — run `sudo apt"):
        system_packages.ensure(["tool"], progress)


def test_a_system_without_a_known_package_manager_is_named(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    with pytest.raises(ConfigError, match="not to be had from apt-get, dnf, brew here — install it by hand"):
        system_packages.ensure(["tool"], progress)


def test_an_unknown_system_program_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^ngnix: Berth knows no such system program"):
        system_packages.find("ngnix")
