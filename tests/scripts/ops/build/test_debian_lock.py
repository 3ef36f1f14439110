"""The lock of Debian's packages: what is written is what is read, and what has moved is refused."""

import datetime as dt
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError, ManyErrors
from scripts.ops.build import debian_lock
from scripts.ops.build.debian_lock import DebianLock

LOCK = DebianLock(day=dt.date(2026, 11, 27), versions={"python": {"python3": "3.11.2-1+b1", "bash": "5.2.15-2+b8"}})


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    debian_lock.write(tmp_path / "debian.lock", LOCK)
    assert debian_lock.read(tmp_path / "debian.lock") == LOCK
    assert [path.name for path in tmp_path.iterdir()] == ["debian.lock"]
    assert (tmp_path / "debian.lock").read_text().splitlines()[1:] == [
        "python bash 5.2.15-2+b8",
        "python python3 3.11.2-1+b1",
    ]


def test_every_file_carries_midnight_of_that_day() -> None:
    assert dt.datetime.fromtimestamp(LOCK.epoch, dt.UTC) == dt.datetime(2026, 11, 27, tzinfo=dt.UTC)


def test_wrong_lines_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "debian.lock").write_text(
        "# Written by `berth images lock` on 2026-11-27: x\npython bash\n\npython a 1\n"
    )
    with pytest.raises(ManyErrors, match=r"debian\.lock:2: is no .*\ndebian\.lock:3: is no"):
        debian_lock.read(tmp_path / "debian.lock")


@pytest.mark.parametrize("text", ["", "python bash 5\n", "# Written by hand\n"])
def test_a_lock_without_its_day_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "debian.lock").write_text(text)
    with pytest.raises(ConfigError, match="run `berth images lock` and commit the file"):
        debian_lock.read(tmp_path / "debian.lock")


def test_a_base_that_was_never_looked_up_is_named() -> None:
    with pytest.raises(ConfigError, match=r"base nginx: is not in images/debian\.lock — run `berth images lock`"):
        LOCK.of("nginx")


def test_a_base_that_debian_replaced_is_named_by_what_differs() -> None:
    with pytest.raises(BerthError, match=r"base python: cannot be had any more.*python3 3\.11\.9 \(locked: 3\.11\.2"):
        debian_lock.refuse_others("python", LOCK.of("python"), {"bash": "5.2.15-2+b8", "python3": "3.11.9"})
    debian_lock.refuse_others("python", LOCK.of("python"), dict(LOCK.of("python")))
