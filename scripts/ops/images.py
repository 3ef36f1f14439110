"""Looks up the current digests of the catalogue's tags, and keeps them in `images.lock`."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError, Exit, ManyErrors, raise_all
from nomad_jobs.images import LOCK_NAME, Pins, dump_lock, parse_lock
from scripts.ops.docker_login import login_for
from scripts.ops.progress import Progress
from scripts.ops.registry import Lookup

LOCK = Path(__file__).resolve().parents[2] / LOCK_NAME
"""The one lock of this repository."""
AT_ONCE = 8
"""How many images are asked about side by side."""


class PartlyDoneError(ManyErrors):
    """It worked for some images and not for others; run the same command again."""

    code = Exit.PARTIAL

    def __init__(self, errors: Sequence[BerthError]) -> None:
        super().__init__(errors)
        self.code = Exit.PARTIAL  # ManyErrors has just set that of the first error


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """One image whose digest was looked up."""

    reference: str
    digest: str
    before: str
    """Its pin before; empty: none."""

    @property
    def change(self) -> str:
        """What became of its pin: `pinned`, `unchanged` or `moved`."""
        if not self.before:
            return "pinned"
        return "unchanged" if self.before == self.digest else "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The images that were pinned, and the errors of the others."""

    pinned: tuple[Pinned, ...]
    errors: tuple[BerthError, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    pins: Pins
    ends_at: float
    progress: Progress

    def look_up(self, reference: str) -> Pinned | BerthError:
        """Return an error instead of raising it, so that the other images are still looked up."""
        before = self.pins.get(reference, "")
        try:
            with self.progress.step(reference, "asking its registry") as step:
                with Lookup(reference, ends_at=self.ends_at, logins=login_for) as lookup:
                    digest = lookup.digest(known=before)
                step.says(digest)
        except BerthError as error:
            return error
        return Pinned(reference=reference, digest=digest, before=before)


def read_pins(lock: Path = LOCK) -> Pins:
    """Read the lock; a missing one has no pins.

    Raises:
        ConfigError: (or ManyErrors) it cannot be read, or has wrong lines.

    """
    try:
        return parse_lock(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Pins()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(lock), f"cannot be read: {error}") from error


def pin(
    references: Sequence[str],
    lock: Path,
    *,
    prune: bool,
    deadline_s: float,
    progress: Progress,
) -> Report:
    """Look up each of `references` (distinct) and write its digest to `lock`.

    An image that cannot be looked up keeps its pin, if it has one. `prune` drops the pins of other images.

    Raises:
        BerthError: (or ManyErrors) no image could be looked up, or the lock is wrong; the lock is not changed.

    """
    ends_at = time.monotonic() + deadline_s
    run = _Run(pins=read_pins(lock), ends_at=ends_at, progress=progress)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = tuple(pool.map(run.look_up, references))
    pinned = tuple(answer for answer in answers if isinstance(answer, Pinned))
    errors = tuple(answer for answer in answers if isinstance(answer, BerthError))
    if not pinned:
        raise_all(errors)
    pins = dict(read_pins(lock)) | {one.reference: one.digest for one in pinned}
    kept = {name: digest for name, digest in pins.items() if name in references or not prune}
    _write(lock, dump_lock(Pins(kept)))
    return Report(pinned=pinned, errors=errors)


def _write(lock: Path, text: str) -> None:
    """Replace the whole file or nothing; an equal text is not written."""
    aside = lock.with_name(f".{lock.name}.{os.getpid()}")
    try:
        if lock.exists() and lock.read_text(encoding="utf-8") == text:
            return
        aside.write_text(text, encoding="utf-8")
        aside.replace(lock)
    except OSError as error:
        raise BerthError(str(lock), f"cannot be written: {error}", "it was not changed") from error
    finally:
        aside.unlink(missing_ok=True)
