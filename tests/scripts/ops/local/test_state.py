"""The state directory: ours and of our version, or left alone; files whole or not at all."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError, Exit
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def test_a_new_directory_is_for_its_owner_alone(state: State) -> None:
    state.open()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state.root, *state.root.iterdir())}
    assert modes == {"state": 0o700, "keys": 0o700, "run": 0o700, "logs": 0o700, "version": 0o600}


def test_opening_it_again_changes_nothing(state: State) -> None:
    state.open()
    before = (state.root / "version").stat().st_mtime_ns
    state.open()
    assert (state.root / "version").stat().st_mtime_ns == before


def test_a_directory_of_a_newer_version_is_left_alone(state: State) -> None:
    state.open()
    (state.root / "version").write_text("2\n")
    for act in (state.open, state.settings):
        with pytest.raises(ConfigError, match=r"is of version 2, and this berth reads version 1; nothing was changed"):
            act()
    assert (state.root / "version").read_text() == "2\n"


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ConfigError, match="is not empty, and is not a state directory of Berth"):
        State(tmp_path).open()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ['a"b', "a'b", "a%b", "a;b", "a\nb"])
def test_a_path_that_supervisord_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="may not hold"):
        State(tmp_path / name).open()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"too long for a Unix socket .* set BERTH_STATE_DIR"):
        State(tmp_path / ("x" * 100)).open()


def test_keys_are_made_once(state: State) -> None:
    state.open()
    made = state.ensure_key("nomad-bootstrap")
    assert state.ensure_key("nomad-bootstrap") == made == state.key("nomad-bootstrap")
    assert stat.S_IMODE((state.keys / "nomad-bootstrap").stat().st_mode) == 0o600


def test_a_write_that_differs_in_nothing_is_none(state: State) -> None:
    state.open()
    assert state.write(state.run / "x", "text")
    assert not state.write(state.run / "x", "text")


def test_settings_default_until_they_are_written(state: State) -> None:
    assert state.settings() == Settings()
    state.open()
    state.write(state.root / "settings.json", Settings(nodes=2).to_json())
    assert state.settings() == Settings(nodes=2)


def test_without_a_boot_there_is_no_platform_and_there_are_no_credentials(state: State) -> None:
    state.open()
    for ask in (state.platform, state.credentials):
        with pytest.raises(BerthError, match="berth up"):
            ask()


def test_two_at_once_take_turns(state: State) -> None:
    state.open()
    with (
        state.locked(),
        pytest.raises(BerthError, match="another berth up or down"),
        State(state.root).locked(deadline_s=0),
    ):
        pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["/usr/bin/umount", disk], check=True)


@root_only
def test_a_small_disk_is_refused_before_anything_starts(small_disk: Path) -> None:
    with pytest.raises(BerthError, match="only 1 MB are free on its disk, 256 MB are needed; nothing was started"):
        State(small_disk / "state").open()


@root_only
def test_a_full_disk_loses_nothing_that_was_there(small_disk: Path) -> None:
    state = State(small_disk / "state")
    with pytest.raises(BerthError, match="256 MB are needed"):
        state.open()
    state.write(state.keys / "kept", "before")
    with pytest.raises(BerthError, match=r"kept: cannot be written: No space left on device — free some space"):
        state.write(state.keys / "kept", "x" * 2**21)
    assert state.key("kept") == "before"


@root_only
def test_a_read_only_directory_is_named(small_disk: Path) -> None:
    subprocess.run(["/usr/bin/mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(BerthError, match="cannot be written: Read-only file system — make it writable") as caught:
        State(small_disk / "state").open()
    assert caught.value.code is Exit.OTHER


def test_root_leaves_the_directory_of_somebody_else_alone(tmp_path: Path) -> None:
    root = tmp_path / "state"
    root.mkdir()
    os.chown(root, 1000, 1000)
    with pytest.raises(ConfigError, match="belongs to user 1000, and root runs this"):
        State(root).open()
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("name", ["platform.json", "version", "settings.json"])
def test_bytes_that_are_no_text_are_a_fault_with_a_fix(state: State, name: str) -> None:
    state.open()
    (state.root / name).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        state.settings() if name != "platform.json" else state.platform()
    (state.keys / "key").write_bytes(b"\xff\xfe")
    assert state.key("key")
