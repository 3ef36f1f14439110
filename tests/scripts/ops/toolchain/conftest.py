"""Fixtures of the toolchain's tests: a cache and a PATH of their own, and a publisher on loopback."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from pysequoia import Tsk
from rich.console import Console

from scripts.ops.progress import Progress
from scripts.ops.toolchain import releases
from scripts.ops.toolchain.programs import PROGRAMS
from tests.support.publisher import NAME, MakeProgram, Publisher, published


@pytest.fixture(scope="session")
def key() -> Tsk:
    """Return a throwaway OpenPGP key."""
    return Tsk.generate(user_id="A Publisher <releases@example.invalid>")


@pytest.fixture
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache, a lock file and an empty PATH of its own; return the cache folder."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(releases, "LOCK", tmp_path / "releases.lock")
    return tmp_path / "cache" / "berth"


@pytest.fixture
def publisher(cache_dir: Path, key: Tsk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """Publish `tool` on loopback, and make it a program that Berth knows."""
    del cache_dir
    with published(key) as publisher:
        monkeypatch.setitem(PROGRAMS, NAME, publisher.program())
        yield publisher


@pytest.fixture
def no_release(publisher: Publisher) -> None:
    publisher.files.clear()


@pytest.fixture
def on_path(tmp_path: Path, cache_dir: Path) -> MakeProgram:
    """Return a function that puts a shell script named so into a folder of `tmp_path`, by default PATH's."""
    del cache_dir

    def make(name: str, body: str, folder: str = "bin") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def talk() -> io.StringIO:
    """Return where `progress` writes."""
    return io.StringIO()


@pytest.fixture
def progress(talk: io.StringIO) -> Progress:
    """Return a progress that is not shown."""
    return Progress(Console(file=talk, soft_wrap=True))
