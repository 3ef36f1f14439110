"""Builds our images for tests: in a cache of their own, from what Debian's archive has today."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nomad_jobs.own_images import OWN_IMAGES, OwnImage
from scripts.ops.build import run
from scripts.ops.build.run import Built
from scripts.ops.progress import Progress
from scripts.ops.waiting import wait_until

IMAGES = {image.name: image for image in OWN_IMAGES}
DETECTOR = IMAGES["bot-detector"]


@dataclass(frozen=True, slots=True)
class Yard:
    """A cache and a lock. The repository's own lock would fail as soon as Debian replaces a package."""

    cache: Path
    lock: Path

    def build(self, *images: OwnImage) -> list[Built]:
        with self.chosen():
            return run.build(images, Progress(), self.lock)

    def look_up(self, *images: OwnImage) -> None:
        with self.chosen():
            run.look_up_debian(images, Progress(), self.lock)

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Make this cache the one that Berth uses, until the end of the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(self.cache))
            yield

    def left_over(self) -> list[str]:
        """Name what is in the cache besides complete builds, and what is mounted there."""
        half = [path.name for path in (self.cache / "berth" / "images").rglob(".*")]
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        return half + [place for place in mounts if place.startswith(f"{self.cache}/")]


def await_answer(url: str, said: Callable[[], str]) -> str:
    """Wait until `url` answers well, and return what; `said` gives a container's last words."""
    answers: list[str] = []

    def missing() -> str | None:
        try:
            answer = httpx.get(url, trust_env=False)
        except httpx.TransportError as error:
            return f"{error}: {said()}"
        answers.append(answer.text)
        return None if answer.is_success else f"it answers {answer.status_code}: {said()}"

    wait_until(missing, where=url, what="its answer", deadline_s=60)
    return answers[-1]
