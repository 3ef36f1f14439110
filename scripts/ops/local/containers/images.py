"""Our own images on a laptop: built from this checkout, pushed to its registry, pinned for its jobs."""

import time
from collections.abc import Sequence
from pathlib import Path

from nomad_jobs.errors import BerthError
from nomad_jobs.images import Pins, dump_lock
from nomad_jobs.model import Service
from nomad_jobs.own_images import OWN_IMAGES, OwnImage, own_image_of
from nomad_jobs.platform import Platform
from nomad_jobs.registry import place_of
from scripts.ops import images as locks
from scripts.ops.build import hand_over, run
from scripts.ops.build.debian_lock import MovedOnError
from scripts.ops.build.run import Built
from scripts.ops.docker_login import Login
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from scripts.ops.registry import Lookup

UNBUILT = "sha256:" + "0" * 64
"""The digest of an image of ours that is not built yet, where a catalogue is checked before anything begins."""
_DEADLINE_S = 60


def to_be_pinned(platform: Platform) -> Pins:
    """Give the pins that a check of the catalogue needs: the repository's, and any for what is built here."""
    own = {one.reference: UNBUILT for one in OWN_IMAGES} if platform.runs_containers else {}
    return Pins({**locks.read_pins(), **own})


def build(services: Sequence[Service], state: State, progress: Progress) -> list[Built]:
    """Build the images of `services` that are ours, or find them built.

    The repository's lock says which of Debian's packages are in them. Where Debian's archive has moved on since, the
    laptop has a lock of its own, so that its images are not those of the lock, and says so.
    """
    ours = _ours(services)
    for lock in (run.LOCK, _own_lock(state)):
        if lock.exists() and (found := _built_before(ours, lock, progress)):
            return found
    try:
        return run.build(ours, progress, run.LOCK)
    except MovedOnError as error:
        progress.note(f"[yellow]![/yellow] {error.where}: {error.what}; this laptop takes what there is today")
        run.look_up_debian(ours, progress, _own_lock(state))
        return run.build(ours, progress, _own_lock(state))


def push(built: Sequence[Built], registry: str, login: Login, authority: Path, progress: Progress) -> Pins:
    """Push what the registry lacks; give the pins of all that was built, by the names that the catalogue has."""
    with progress.step("images", "asking the registry") as step:
        pushed = [one.image.name for one in built if _push_one(one, registry, login, authority)]
        step.says(f"pushed {', '.join(pushed)}" if pushed else "all there")
    return Pins({one.image.reference: one.record.digest for one in built})


def keep(new: Pins, state: State) -> Pins:
    """Write down which images this laptop runs; give those of others as well, as the repository pins them."""
    kept = Pins({**locks.read_pins(state.images_lock), **new})
    state.write(state.images_lock, dump_lock(kept))
    return Pins({**locks.read_pins(), **kept})


def _push_one(one: Built, registry: str, login: Login, authority: Path) -> bool:
    reference = place_of(one.image.reference, registry)
    ends_at = time.monotonic() + _DEADLINE_S
    try:
        with Lookup(reference, ends_at=ends_at, logins=lambda _: login, ca_file=authority) as lookup:
            is_there = lookup.digest(known=one.record.digest) == one.record.digest
    except BerthError:
        is_there = False
    if not is_there:
        hand_over.push(one.layout, reference, logins=lambda _: login, ca_file=authority)
    return not is_there


def _ours(services: Sequence[Service]) -> list[OwnImage]:
    return list(dict.fromkeys(image for service in services if (image := own_image_of(service))))


def _built_before(ours: Sequence[OwnImage], lock: Path, progress: Progress) -> list[Built]:
    try:
        return run.built_before(ours, progress, lock)
    except BerthError:
        return []


def _own_lock(state: State) -> Path:
    return state.root / "debian.lock"
