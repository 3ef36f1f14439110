"""`images.lock` written from a real registry."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError, DeadlineError, Exit, ManyErrors
from nomad_jobs.images import Pins, dump_lock
from scripts.ops import images
from scripts.ops.images import Report, read_pins
from scripts.ops.progress import Progress
from tests.support.registry import Registry
from tests.support.registry_peers import Exchange, Proxy

pytest_plugins = ["tests.support.registry_fixtures"]

GONE = "sha256:" + "0" * 64


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "images.lock"


@pytest.fixture
def down() -> Iterator[str]:
    """Hold a port where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def pin(lock: Path, *references: str, prune: bool = True, deadline_s: float = 30) -> Report:
    return images.pin(references, lock, prune=prune, deadline_s=deadline_s, progress=Progress())


@pytest.mark.live
def test_what_was_pushed_is_what_the_lock_holds(hub: Registry, lock: Path) -> None:
    image, index = hub.push("pin/app", "1", "image"), hub.push("pin/multi", "1", "index", index=True)
    app, multi = f"{hub.address}/pin/app:1", f"{hub.address}/pin/multi:1"
    report = pin(lock, multi, app)
    assert [(one.reference, one.digest, one.change) for one in report.pinned] == [
        (multi, index, "pinned"),
        (app, image, "pinned"),
    ]
    assert lock.read_text() == dump_lock(Pins({app: image, multi: index}))
    assert [path.name for path in lock.parent.iterdir()] == ["images.lock"]


@pytest.mark.live
def test_pinning_again_touches_nothing_until_a_tag_moves(hub: Registry, lock: Path) -> None:
    reference = f"{hub.address}/again:1"
    hub.push("again", "1", "before")
    pin(lock, reference)
    lock.chmod(0o400)
    before = lock.stat()
    assert [one.change for one in pin(lock, reference).pinned] == ["unchanged"]
    assert (lock.stat().st_ino, lock.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    moved = hub.push("again", "1", "after")
    assert [(one.change, one.digest) for one in pin(lock, reference).pinned] == [("moved", moved)]
    assert read_pins(lock) == {reference: moved}


@pytest.mark.live
def test_what_cannot_be_looked_up_keeps_its_pin_or_stays_without(hub: Registry, lock: Path, down: str) -> None:
    digest = hub.push("partly", "1", "x")
    good, kept, never = f"{hub.address}/partly:1", f"{down}/kept:1", f"{hub.address}/partly:none"
    lock.write_text(dump_lock(Pins({kept: GONE})))
    report = pin(lock, good, kept, never)
    assert read_pins(lock) == {good: digest, kept: GONE}
    assert [str(error).split(" — ")[0] for error in report.errors] == [
        f"image {kept}: {down} cannot be asked: [Errno 111] Connection refused",
        f"image {never}: {hub.address} has no tag 'none' in partly",
    ]


@pytest.mark.live
@pytest.mark.parametrize(("prune", "left"), [(True, 1), (False, 2)])
def test_only_a_full_run_drops_what_the_catalogue_lacks(hub: Registry, lock: Path, *, prune: bool, left: int) -> None:
    hub.push("pruned", "1", "x")
    lock.write_text(dump_lock(Pins({"nginx:1.28": GONE})))
    pin(lock, f"{hub.address}/pruned:1", prune=prune)
    assert len(read_pins(lock)) == left


def test_when_nothing_can_be_looked_up_the_lock_is_as_it_was(lock: Path, down: str) -> None:
    lock.write_text("# by hand\n" + dump_lock(Pins({f"{down}/a:1": GONE})))
    before = lock.read_bytes()
    with pytest.raises(ManyErrors, match=r"a:1(.|\n)*b:1") as caught:
        pin(lock, f"{down}/a:1", f"{down}/b:1")
    assert caught.value.code is Exit.OTHER
    assert lock.read_bytes() == before


def test_when_nothing_can_be_looked_up_no_lock_is_made(lock: Path, down: str) -> None:
    with pytest.raises(BerthError, match="Connection refused"):
        pin(lock, f"{down}/a:1")
    assert list(lock.parent.iterdir()) == []


@pytest.mark.live
def test_the_deadline_is_for_all_lookups_together(hub: Registry, hub_proxy: Proxy, lock: Path) -> None:
    hub.push("slow", "1", "x")

    def drips(exchange: Exchange) -> None:
        exchange.drip = True

    hub_proxy.fault = drips
    references = [f"{hub_proxy.address}/slow:1", f"{hub_proxy.address}/app:1"]
    with pytest.raises(ManyErrors) as caught:
        pin(lock, *references, deadline_s=0.5)
    assert {type(error) for error in caught.value.errors} == {DeadlineError}


@pytest.mark.live
def test_a_folder_that_is_not_there_is_named(hub: Registry, tmp_path: Path) -> None:
    with pytest.raises(BerthError, match=r"cannot be written: .*No such file"):
        pin(tmp_path / "none" / "images.lock", f"{hub.address}/app:1")


def test_a_wrong_lock_is_refused_before_anything_is_asked(lock: Path, down: str) -> None:
    lock.write_text("nginx:1.28\n")
    with pytest.raises(ConfigError, match=r"images.lock:1: is no `reference digest` pair"):
        pin(lock, f"{down}/a:1")


def test_a_lock_that_is_no_text_is_named(lock: Path) -> None:
    lock.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"images.lock: cannot be read: .*decode"):
        read_pins(lock)


def test_no_lock_means_no_pins(lock: Path) -> None:
    assert read_pins(lock) == {}
