"""Installing: several programs, several runs at once, and what is said when no way works."""

import io
import os
import signal
import subprocess
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError, Exit
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, order
from scripts.ops.toolchain.programs import PROGRAMS
from tests.support import publisher as published
from tests.support.publisher import NAME, MakeProgram, Publisher, start

pytestmark = pytest.mark.usefixtures("publisher")


def test_two_at_once_take_turns_and_download_once(
    publisher: Publisher,
) -> None:
    publisher.gate.clear()
    with start(publisher) as first:
        assert publisher.reached.wait(20)
        with start(publisher) as second:
            assert second.stderr
            assert any("wait for tool" in line and "another berth is at work on it" in line for line in second.stderr)
            publisher.gate.set()
            outputs = [process.communicate(timeout=20)[0].strip() for process in (first, second)]
    assert outputs == [str(order.resolve(NAME))] * 2
    assert len(publisher.archives_asked()) == 1


def test_ctrl_c_is_heard_while_the_network_hangs(publisher: Publisher) -> None:
    publisher.gate.clear()
    with start(publisher) as berth:
        assert publisher.reached.wait(20)
        berth.send_signal(signal.SIGINT)
        assert berth.wait(15) != 0


def test_a_name_given_twice_is_installed_once(publisher: Publisher, progress: Progress) -> None:
    order.install([NAME, NAME], progress)
    assert len(publisher.archives_asked()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_cache_in_which_nothing_can_run_is_refused_before_anything_is_fetched(
    publisher: Publisher, progress: Progress, cache_dir: Path
) -> None:
    cache_dir.mkdir(parents=True)
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "noexec", "none", cache_dir], check=True)
    try:
        with pytest.raises(BerthError, match=rf"^{cache_dir}: is mounted noexec, .* — set XDG_CACHE_HOME elsewhere$"):
            order.install([NAME], progress)
    finally:
        subprocess.run(["/bin/umount", cache_dir], check=True)
    assert publisher.archives_asked() == []


def test_without_go_and_without_downloads_each_failed_way_is_named(publisher: Publisher, progress: Progress) -> None:
    publisher.files.clear()
    with pytest.raises(ConfigError) as caught:
        order.install([NAME], progress)
    sums = f"{publisher.url}{published.SUMS}"
    assert str(caught.value) == (
        "tool 1.2.3: no way to get it worked (PATH: not there; cache: not there; "
        f"release: {sums} answers HTTP 404; Go build: Go is not installed)"
        " — install Go 1.21 or newer (https://go.dev/dl) or tool 1.2.0 or newer (https://example.invalid/install);"
        " then run the same command again"
    )
    assert caught.value.code == Exit.CONFIG


def test_a_publisher_that_cannot_be_reached_is_named(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"release: 127\.0\.0\.1 cannot be reached \(.*refused\)"):
        order.install([NAME], progress)


@pytest.mark.parametrize("name", ["pulumi", "pulumi-language-python", "example-fs-device"])
def test_what_has_no_signed_release_says_so(
    name: str,
    progress: Progress,
) -> None:
    told = PROGRAMS[name].no_release
    with pytest.raises(ConfigError, match=rf"release: {told}; Go build: Go is not installed\) — install Go 1.21"):
        order.install([name], progress)


def test_one_that_cannot_be_had_does_not_keep_the_others_away(progress: Progress) -> None:
    with pytest.raises(ConfigError, match=r"^pulumi 3\."):
        order.install(["pulumi", NAME], progress)
    assert order.resolve(NAME).exists()


def test_a_program_that_reports_another_version_is_not_installed(publisher: Publisher, progress: Progress) -> None:
    publisher.publish(published.archive(published.script("tool v9.9.9")))
    with pytest.raises(ConfigError, match=r"release: it reports version 9\.9\.9 instead of 1\.2\.3"):
        order.install([NAME], progress)


def test_left_overs_of_a_killed_run_are_cleared(progress: Progress) -> None:
    home = cache.home(PROGRAMS[NAME])
    (home.parent / ".staged-killed").mkdir(parents=True)
    home.mkdir()  # an empty folder of the right version is no installation
    path = order.install([NAME], progress)[NAME]
    assert [entry.name for entry in home.parent.iterdir()] == [home.name]
    assert list(home.iterdir()) == [path]


def test_a_link_to_another_version_is_replaced(progress: Progress, on_path: MakeProgram) -> None:
    old = on_path(NAME, "echo v0.1.0", "old")
    cache.bin_dir().mkdir(parents=True)
    (cache.bin_dir() / NAME).symlink_to(old)
    path = order.install([NAME], progress)[NAME]
    assert [link.readlink() for link in cache.bin_dir().iterdir()] == [path]


def test_progress_moves_in_steps_of_a_twentieth(progress: Progress, talk: io.StringIO) -> None:
    order.install([NAME], progress)
    lines = [line for line in talk.getvalue().splitlines() if "release, 1 MB" in line]
    assert lines[-1].endswith("100 %")
    assert len(lines) <= 20
