"""Asks registries whether they still serve what `images.lock` pins: a node that restarts fetches exactly that."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from nomad_jobs.errors import BerthError, ConfigError, raise_all
from nomad_jobs.images import LOCK_NAME, ImageRef
from nomad_jobs.own_images import OWN_IMAGES
from scripts.ops.docker_login import login_for
from scripts.ops.images import AT_ONCE, PartlyDoneError
from scripts.ops.progress import Progress
from scripts.ops.registry import Lookup


class State(Enum):
    """What is known of one image's digest."""

    SERVED = "served"
    GONE = "gone"
    UNKNOWN = "unknown"
    UNPINNED = "unpinned"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One image, and what its registry said."""

    reference: str
    digest: str
    """Its pin; empty: none, and nobody was asked."""
    state: State
    error: BerthError | None = None
    """Why nothing is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    pins: Mapping[str, str]
    ends_at: float
    progress: Progress

    def ask(self, reference: str) -> Asked:
        """Keep an error instead of raising it, so that the other images are still asked about."""
        digest = self.pins.get(reference, "")
        if not digest:
            return Asked(reference=reference, digest="", state=State.UNPINNED)
        try:
            with self.progress.step(reference, "asking its registry") as step:
                with Lookup(reference, ends_at=self.ends_at, logins=login_for) as lookup:
                    state = State.SERVED if lookup.serves(digest) else State.GONE
                step.says(state.value)
        except BerthError as error:
            return Asked(reference=reference, digest=digest, state=State.UNKNOWN, error=error)
        return Asked(reference=reference, digest=digest, state=state)


def ask(references: Sequence[str], pins: Mapping[str, str], *, deadline_s: float, progress: Progress) -> list[Asked]:
    """Ask about each of `references` that has a pin, all within `deadline_s`.

    Raises:
        ConfigError: none of them has a pin.

    """
    if not any(reference in pins for reference in references):
        fix = "run `berth images pin` and commit the file"
        raise ConfigError(LOCK_NAME, "pins none of these images, so there is nothing to ask for", fix)
    run = _Run(pins=pins, ends_at=time.monotonic() + deadline_s, progress=progress)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run.ask, references))


def refuse_gone(asked: Sequence[Asked], users: Mapping[str, Sequence[str]]) -> None:
    """Raise what is wrong; `users` says which services use an image.

    Raises:
        ConfigError: (or ManyErrors, whose code it gives) a digest is gone.
        PartlyDoneError: none is known to be gone, but some registries gave no answer.
        BerthError: (or ManyErrors) no registry gave an answer.

    """
    gone = list(_gone(asked, users))
    unanswered = [one.error for one in asked if one.error]
    if not gone and unanswered and any(one.state is State.SERVED for one in asked):
        raise PartlyDoneError(unanswered)
    raise_all([*gone, *unanswered])


def _gone(asked: Sequence[Asked], users: Mapping[str, Sequence[str]]) -> Iterator[BerthError]:
    ours = {image.reference: image.name for image in OWN_IMAGES}
    for one in asked:
        if one.state is State.GONE:
            host = ImageRef.parse(one.reference).host
            what = f"{host} no longer serves all of {one.digest}: a node that restarts cannot fetch it"
            again = f"run `berth images pin {users[one.reference][0]}`, read what moved, and deploy"
            if name := ours.get(one.reference):
                again = f"run `berth images build {name}` and `berth images push {name}`; with another digest, {again}"
            yield ConfigError(f"image {one.reference}", what, again)
