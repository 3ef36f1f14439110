"""Lets only one `berth` at a time install a program."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from filelock import FileLock, Timeout

from nomad_jobs.errors import DeadlineError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache

_TURN_S = 2700  # longer than the slowest build (vault, about 20 minutes on one slow core)


@contextmanager
def turn(name: str, progress: Progress | None = None) -> Iterator[None]:
    """Hold the cache's lock on `name`; wait for another `berth` that holds it.

    Raises:
        DeadlineError: the other one did not finish within 45 minutes.

    """
    folder = cache.root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with progress.step(f"wait for {name}", "another berth is at work on it") if progress else nullcontext():
            _wait(lock, name, progress)
    try:
        yield
    finally:
        lock.release()


def _wait(lock: FileLock, name: str, progress: Progress | None) -> None:
    try:
        lock.acquire(timeout=_TURN_S, cancel_check=lambda: bool(progress and progress.is_cancelled))
    except Timeout as error:
        what = f"another berth has been installing it for {_TURN_S / 60:.0f} minutes"
        raise DeadlineError(name, what, "end that one and run this again") from error
