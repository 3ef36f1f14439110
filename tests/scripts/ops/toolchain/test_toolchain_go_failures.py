"""The Go build: what is said when it cannot be done or fails, and what an interrupt leaves."""

import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, order
from scripts.ops.toolchain.programs import PROGRAMS
from scripts.ops.waiting import wait_until
from tests.support.fake_go import fake_go
from tests.support.publisher import NAME, MakeProgram, Publisher, start


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize(
    ("build", "reason"),
    [
        ("echo a/package >&2; echo 'x.go:1: undefined: y' >&2; echo b/package >&2; exit 1", "x.go:1: undefined: y"),
        ("exit 3", "Go ended with 3"),
        ("kill -9 $$", "memory ran out, or it took longer than 30 minutes"),
        ("echo 'a/b: compile: signal: killed' >&2; exit 1", "memory ran out, .* add swap, or set GOMAXPROCS=1"),
        ("exit 0 2>&1; :", "it made no file tool"),
        ("printf '#!/bin/sh\\necho v1.2.4' > \"$2\"; exit 0", "it reports version 1.2.4 instead of 1.2.3"),
    ],
)
def test_a_failed_build_says_why(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, build: str, reason: str
) -> None:
    fake_go(on_path, tmp_path, build=build)
    with pytest.raises(ConfigError, match=f"Go build: {reason}"):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_disk_that_fills_up_while_building_is_named(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path, build="echo 'write /tmp/x: no space left on device' >&2; exit 1")
    with pytest.raises(BerthError, match=r"^tool 1\.2\.3: the disk is full under /tmp/x — "):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_go_that_is_too_old_is_named(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path, minor=19)
    with pytest.raises(ConfigError, match=r"Go build: Go 1\.19 is older than 1\.21\)"):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interrupt_no_go_runs_and_the_next_run_installs(
    publisher: Publisher, progress: Progress, on_path: MakeProgram, tmp_path: Path, stop: signal.Signals
) -> None:
    fake_go(on_path, tmp_path, build=f"echo $$ > {tmp_path}/building; exec /bin/sleep 300")
    with start(publisher) as berth:
        wait_until(
            lambda: None if (tmp_path / "building").exists() else "not there",
            where="the build", what="its beginning", deadline_s=20,
        )  # fmt: skip
        go = psutil.Process(int((tmp_path / "building").read_text()))
        berth.send_signal(stop)
        assert berth.wait(20) != 0
    assert not go.is_running()
    assert list(cache.home(PROGRAMS[NAME]).parent.iterdir()) == []
    fake_go(on_path, tmp_path)
    assert order.install([NAME], progress)[NAME].exists()


@pytest.mark.usefixtures("no_release")
def test_a_source_with_another_checksum_is_refused_with_both(
    progress: Progress, on_path: MakeProgram, tmp_path: Path
) -> None:
    said = "verifying a/b@v1: checksum mismatch|\tdownloaded: h1:x=|\tgo.sum:     h1:y=||SECURITY ERROR|see go help"
    fake_go(on_path, tmp_path, fetch=f"echo '{said}' | /usr/bin/tr '|' '\\n' >&2; exit 1")
    told = r"^tool 1\.2\.3: wrong checksum of a source, refused: verifying a/b@v1.*downloaded: h1:x=; go.sum:     h1:y="
    with pytest.raises(BerthError, match=told) as caught:
        order.install([NAME], progress)
    assert "Go 1.21" not in str(caught.value)


@pytest.mark.usefixtures("no_release")
def test_a_go_that_may_not_fetch_the_one_it_needs_is_named(
    progress: Progress, on_path: MakeProgram, tmp_path: Path
) -> None:
    fake_go(on_path, tmp_path, minor=24, toolchain="local")
    told = (
        r"Go 1\.24 is older than 1\.\d+, and GOTOOLCHAIN=local forbids to fetch that\) — unset GOTOOLCHAIN, or install"
    )
    with pytest.raises(ConfigError, match=told):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_program_that_needs_c_is_not_begun_without_a_c_compiler(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nomad's build would fail at its last package, with the name of a function."""
    assert PROGRAMS["nomad"].needs_c
    monkeypatch.setitem(PROGRAMS, NAME, replace(PROGRAMS[NAME], needs_c=True))
    fake_go(on_path, tmp_path, has_c=0)
    with pytest.raises(ConfigError, match=r"it needs a C compiler beside Go\) — install gcc and .* \(libc6-dev\)"):
        order.install([NAME], progress)
    assert "list" not in (tmp_path / "calls").read_text()


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize("body", ["exec /nowhere", "printf '\\377\\376'", "exit 1"])
def test_a_go_that_does_not_work_is_named(progress: Progress, on_path: MakeProgram, body: str) -> None:
    go = on_path("go", body)
    with pytest.raises(ConfigError, match=rf"Go build: {go} does not say its version"):
        order.install([NAME], progress)
    go.write_bytes(b"\x7fELF no program")
    with pytest.raises(ConfigError, match=rf"Go build: {go} cannot be run \(.*Exec format error"):
        order.install([NAME], progress)
