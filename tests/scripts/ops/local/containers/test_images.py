"""A laptop's own images: those of the repository's lock, or of a lock of its own where Debian has moved on."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nomad_jobs.images import Pins
from nomad_jobs.own_images import OwnImage
from nomad_jobs.registry import REGISTRY, apps_image, place_of
from scripts.ops.build import debian_lock, run
from scripts.ops.build.debian_lock import DebianLock, MovedOnError
from scripts.ops.build.run import Built
from scripts.ops.build.store import Record
from scripts.ops.local.containers import images
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from tests.support.image_yard import DETECTOR, IMAGES, Yard
from tests.support.laptop import quiet
from tests.support.services import web


def built(name: str) -> Built:
    record = Record(digest="sha256:" + "1" * 64, unpacked_mb=1, packed_mb=1, adds_mb=1)
    return Built(image=IMAGES[name], key="key", record=record)


def test_what_is_built_here_needs_no_pin_and_only_where_containers_are_on() -> None:
    pins = images.to_be_pinned(local_platform(Settings(containers=Containers())))
    assert set(pins) >= {apps_image("ingress"), apps_image("chat")}
    assert apps_image("chat") not in images.to_be_pinned(local_platform(Settings()))


def test_one_that_is_pushed_alone_leaves_the_others_pinned(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.open()
    first = Pins({apps_image("chat"): "sha256:" + "1" * 64, apps_image("fw-parse"): "sha256:" + "2" * 64})
    images.keep(first, state)
    kept = images.keep(Pins({apps_image("chat"): "sha256:" + "3" * 64}), state)
    assert kept[apps_image("chat")] == "sha256:" + "3" * 64
    assert kept[apps_image("fw-parse")] == "sha256:" + "2" * 64


def test_an_image_of_somebody_else_keeps_its_place() -> None:
    assert place_of(f"{REGISTRY.host}/a/b:1@sha256:0", "10.213.0.1:5050") == "10.213.0.1:5050/a/b:1@sha256:0"
    assert place_of("vllm/vllm-openai:v1", "10.213.0.1:5050") == "vllm/vllm-openai:v1"
    assert place_of(f"{REGISTRY.host}.evil/a:1", "10.213.0.1:5050") == f"{REGISTRY.host}.evil/a:1"


def test_a_lock_that_debian_has_moved_on_from_gives_way_to_the_laptops_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the tries, without the minutes that each takes; the next test makes them."""
    asked: list[Path] = []

    def build(ours: Sequence[OwnImage], progress: Progress, lock: Path) -> list[Built]:
        del progress
        asked.append(lock)
        if lock == run.LOCK:
            raise MovedOnError("base python", "cannot be had any more", "")
        return [built(image.name) for image in ours]

    monkeypatch.setattr(run, "build", build)
    monkeypatch.setattr(run, "built_before", build)
    monkeypatch.setattr(run, "look_up_debian", lambda _images, _progress, lock: lock.touch())
    state = State(tmp_path / "state")
    state.open()
    own = state.root / "debian.lock"
    assert [one.image.name for one in images.build([web("one")], state, quiet())] == ["bot-detector"]
    assert asked == [run.LOCK, run.LOCK, own]
    asked.clear()
    images.build([web("one")], state, quiet())
    assert asked == [run.LOCK, own], "the second time nothing is looked up"


@pytest.mark.soak
@pytest.mark.live
def test_where_debian_has_moved_on_the_laptop_has_a_lock_of_its_own_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = Yard(tmp_path / "cache", tmp_path / "debian.lock")
    monkeypatch.setattr(run, "LOCK", _outdated(yard))
    state = State(tmp_path / "state")
    state.open()
    with yard.chosen():
        (built,) = images.build([web("one")], state, quiet())
        assert built.is_new
        (found,) = images.build([web("one")], state, quiet())
    assert not found.is_new
    assert found.record.digest == built.record.digest
    assert debian_lock.read(state.root / "debian.lock").of("python")
    capsys.readouterr()


def _outdated(yard: Yard) -> Path:
    """Write today's lock with one version that Debian's archive no longer has."""
    yard.look_up(DETECTOR)
    today = debian_lock.read(yard.lock)
    versions = {"python": {**today.of("python"), "python3": "3.11.2-1"}}
    debian_lock.write(yard.lock, DebianLock(day=today.day, versions=versions))
    return yard.lock
