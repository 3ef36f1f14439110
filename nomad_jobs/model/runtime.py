"""The shape of a service: its container in the cloud, its process on a laptop."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from nomad_jobs.model.bounds import DAY_S, out_of_range

_MAKERS = ("NVIDIA", "TESLA")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpus:
    """GPUs for each instance."""

    count: int
    model: str = ""
    """Words of the model's name as NVIDIA reports it, such as `H200` or `A100-SXM4-80GB`; empty: any."""

    def fits(self, device: str) -> bool:
        """Tell whether `device` names a GPU of this model; either of the two names may be the shorter one."""
        asked, offered = model_words(self.model), model_words(device)
        return not asked or _holds(offered, asked) or (bool(offered) and _holds(asked, offered))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    argv: tuple[str, ...] = ()
    """Nomad fills in `${NOMAD_…}` and `${BERTH_…}`; every other `${` reaches the program as it stands."""
    instances: int = 1
    """0 parks the service: its job and its route stay, NGINX answers 503, and its GPUs are free."""
    gpus: Gpus | None = None
    cpu_mhz: int = 100
    memory_mb: int = 128
    shm_mb: int = 0
    """Shared memory, through which tensor-parallel workers talk; 0: Docker's own default."""
    starts_within_s: int = 60
    """The longest time from placed to healthy; the weights of a model take minutes to load."""

    def faults(self) -> Iterator[str]:
        """Yield the faults of its numbers, one line each."""
        yield from out_of_range("instances", self.instances, 0, 1000)
        yield from out_of_range("cpu_mhz", self.cpu_mhz, 1, 10_000_000)
        yield from out_of_range("memory_mb", self.memory_mb, 10, 100_000_000)
        yield from out_of_range("shm_mb", self.shm_mb, 0, 10_000_000)
        yield from out_of_range("starts_within_s", self.starts_within_s, 1, DAY_S)
        if self.gpus:
            yield from out_of_range("gpus.count", self.gpus.count, 1, 64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Container(_Shape):
    """How a service runs from an image: the cloud.

    `--host ${BERTH_BIND} --port ${NOMAD_PORT_http}` is right in a container and on a laptop alike.
    """

    image: str
    """By tag; `images.lock` pins the digest. The node has the login of a private registry; the task never sees it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Process(_Shape):
    """How the same service runs without Docker: the laptop."""


def command(*lines: str) -> tuple[str, ...]:
    """Split the lines of a command into words as a shell would: the program, then a line for each option."""
    return tuple(word for line in lines for word in shlex.split(line))


def model_words(name: str) -> tuple[str, ...]:
    """Split a GPU model's name: `NVIDIA A100-SXM4-80GB` has the words A100, SXM4 and 80GB."""
    words = re.split(r"[ -]+", name.strip().upper())
    return tuple(word for word in words if word not in {"", *_MAKERS})


def _holds(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    starts = range(len(longer) - len(shorter) + 1)
    return any(longer[start : start + len(shorter)] == shorter for start in starts)
