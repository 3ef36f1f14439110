"""Release archives: which are accepted, which are refused, and what survives an interruption."""

import errno
import os
from pathlib import Path

import pytest
from pysequoia import Tsk

from nomad_jobs.errors import BerthError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, order, releases
from tests.support import publisher as published
from tests.support.publisher import Publisher

pytestmark = pytest.mark.usefixtures("publisher")

NAME = published.NAME


def part(cache_dir: Path) -> Path:
    path = cache_dir / "downloads" / f"{published.archive_name()}.part"
    path.parent.mkdir(parents=True)
    return path


def test_a_signed_release_is_installed_and_linked(publisher: Publisher, progress: Progress) -> None:
    path = order.install([NAME], progress)[NAME]
    assert order.resolve(NAME) == path
    assert (cache.bin_dir() / NAME).readlink() == path
    assert len(publisher.archives_asked()) == 1


def test_the_verified_checksums_are_locked_for_every_machine(progress: Progress) -> None:
    order.install([NAME], progress)
    locked = [line.split()[1] for line in releases.LOCK.read_text().splitlines()]
    machines = [("darwin", "amd64"), ("darwin", "arm64"), ("linux", "amd64"), ("linux", "arm64")]
    assert locked == [published.archive_name(*machine) for machine in machines]


def test_a_locked_checksum_needs_no_signature_any_more(
    publisher: Publisher, progress: Progress, cache_dir: Path
) -> None:
    order.install([NAME], progress)
    (cache_dir / "programs").rename(cache_dir / "elsewhere")
    del publisher.files[published.SUMS], publisher.files["/key"]
    assert order.install([NAME], progress)[NAME].exists()


def test_a_wrong_checksum_is_refused_and_named(publisher: Publisher, progress: Progress, cache_dir: Path) -> None:
    evil = published.archive(published.script(f"{NAME} v{published.VERSION}, evil"))
    publisher.files[f"{published.FOLDER}/{published.archive_name()}"] = evil
    with pytest.raises(BerthError, match=rf"^{published.archive_name()}: wrong checksum, refused: SHA-256 is "):
        order.install([NAME], progress)
    assert not [path for path in cache_dir.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_locked_checksum_outlives_the_publisher_changing_the_archive(
    publisher: Publisher, progress: Progress, cache_dir: Path
) -> None:
    order.install([NAME], progress)
    (cache_dir / "programs").rename(cache_dir / "elsewhere")
    publisher.publish(published.archive(published.script("another tool")))
    with pytest.raises(BerthError, match="wrong checksum, refused"):
        order.install([NAME], progress)


def test_checksums_signed_by_another_key_are_refused(publisher: Publisher, progress: Progress) -> None:
    publisher.sign(publisher.files[published.SUMS], Tsk.generate(user_id="Somebody <else@example.invalid>"))
    with pytest.raises(BerthError, match=r"signature over its checksums is not by the key [0-9A-F]{40}, refused"):
        order.install([NAME], progress)
    assert not publisher.archives_asked()
    assert not releases.LOCK.exists()


def test_checksums_changed_after_signing_are_refused(publisher: Publisher, progress: Progress) -> None:
    publisher.files[published.SUMS] += b"\n"
    with pytest.raises(BerthError, match="signature over its checksums is not by the key"):
        order.install([NAME], progress)


def test_something_that_is_no_signature_is_refused(publisher: Publisher, progress: Progress) -> None:
    publisher.files[f"{published.SUMS}.sig"] = b"<html>please log in</html>"
    with pytest.raises(BerthError, match="signature over its checksums is not by the key"):
        order.install([NAME], progress)


@pytest.mark.parametrize(
    ("offered", "fault"), [(b"<html>", "holds no key"), (None, "answers HTTP 404"), (b"other", "holds another key")]
)
def test_without_the_pinned_key_no_release_is_used(
    publisher: Publisher, progress: Progress, offered: bytes | None, fault: str
) -> None:
    del publisher.files["/key"]
    if offered == b"other":
        offered = str(Tsk.generate(user_id="O <o@example.invalid>").extract_certificate()).encode()
    if offered:
        publisher.files["/key"] = offered
    with pytest.raises(BerthError, match=rf"the publisher's key cannot be had: .*/key {fault}"):
        order.install([NAME], progress)


def test_a_download_cut_in_the_middle_goes_on_where_it_was(publisher: Publisher, progress: Progress) -> None:
    publisher.cut = 700_000
    order.install([NAME], progress)
    first, second = publisher.archives_asked()
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 700_000


def test_a_download_of_an_earlier_run_is_finished(publisher: Publisher, progress: Progress, cache_dir: Path) -> None:
    content = publisher.files[f"{published.FOLDER}/{published.archive_name()}"]
    part(cache_dir).write_bytes(content[:500_000])
    order.install([NAME], progress)
    assert publisher.archives_asked() == ["bytes=500000-"]


def test_a_download_that_was_complete_is_not_repeated(
    publisher: Publisher, progress: Progress, cache_dir: Path
) -> None:
    content = publisher.files[f"{published.FOLDER}/{published.archive_name()}"]
    part(cache_dir).write_bytes(content)
    order.install([NAME], progress)
    assert publisher.archives_asked() == [f"bytes={len(content)}-"]


def test_a_left_over_that_is_too_long_is_dropped(publisher: Publisher, progress: Progress, cache_dir: Path) -> None:
    content = publisher.files[f"{published.FOLDER}/{published.archive_name()}"]
    part(cache_dir).write_bytes(content + b"more")
    order.install([NAME], progress)
    assert publisher.archives_asked()[-1] == ""


def test_a_server_without_ranges_is_asked_for_all_of_it(
    publisher: Publisher, progress: Progress, cache_dir: Path
) -> None:
    part(cache_dir).write_bytes(b"x" * 500_000)
    publisher.ranges = False
    assert order.install([NAME], progress)[NAME].exists()


def test_an_archive_without_the_program_is_refused(publisher: Publisher, progress: Progress) -> None:
    publisher.publish(published.archive(b"", name="another"))
    with pytest.raises(BerthError, match="holds no program tool"):
        order.install([NAME], progress)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_named_and_loses_nothing(progress: Progress, cache_dir: Path) -> None:
    blocked = part(cache_dir)
    blocked.symlink_to("/dev/full")
    with pytest.raises(BerthError, match=r"^tool 1\.2\.3: the disk is full under .*; what is complete stays"):
        order.install([NAME], progress)
    blocked.unlink()
    assert order.install([NAME], progress)[NAME].exists()


def test_a_read_only_cache_is_named(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BerthError, match=r"cannot write .*/locks .Read-only file system. — make it writable"):
        order.install([NAME], progress)


def test_a_cache_that_is_no_folder_is_named(progress: Progress, cache_dir: Path) -> None:
    cache_dir.parent.write_text("in the way")
    with pytest.raises(BerthError, match=r"cannot write .* or set XDG_CACHE_HOME"):
        order.install([NAME], progress)


def test_a_lock_file_that_cannot_be_written_is_no_obstacle(
    progress: Progress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(releases, "LOCK", tmp_path / "no such folder" / "releases.lock")
    assert order.install([NAME], progress)[NAME].exists()


def test_a_spoiled_left_over_is_fetched_again_before_anything_is_called_altered(
    publisher: Publisher, progress: Progress, cache_dir: Path
) -> None:
    """A power cut leaves a file of the right length with other bytes in it."""
    part = cache_dir / "downloads" / f"{published.archive_name()}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(len(published.archive(published.script("x")))))
    assert order.install([NAME], progress)[NAME].exists()
    assert publisher.archives_asked()[-1] == ""
