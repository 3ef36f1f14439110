"""How much of a service runs somewhere: instances, CPU, memory, GPUs, and the time that a start may take."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nomad_jobs.model.bounds import DAY_S, out_of_range

_MAKERS = ("NVIDIA", "TESLA")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpus:
    """GPUs for each instance, whose number its program finds in `${BERTH_GPUS}`."""

    count: int
    model: str = ""
    """Words of the model's name as NVIDIA reports it, such as `H200` or `A100-SXM4-80GB`; empty: any."""

    def fits(self, device: str) -> bool:
        """Tell whether `device` names a GPU of this model; either of the two names may be the shorter one."""
        asked, offered = model_words(self.model), model_words(device)
        return not asked or _holds(offered, asked) or (bool(offered) and _holds(asked, offered))


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """What a service takes, whichever driver runs it."""

    instances: int = 1
    """0 parks the service: its job and its route stay, NGINX answers 503, and its GPUs are free."""
    cpu_mhz: int = 100
    memory_mb: int = 128
    gpus: Gpus | None = None
    starts_within_s: int = 60
    """The longest time from placed to healthy; the weights of a model take minutes to load."""

    def faults(self) -> Iterator[str]:
        """Yield the faults of its numbers, one line each."""
        yield from out_of_range("instances", self.instances, 0, 1000)
        yield from out_of_range("cpu_mhz", self.cpu_mhz, 1, 10_000_000)
        yield from out_of_range("memory_mb", self.memory_mb, 10, 100_000_000)
        yield from out_of_range("starts_within_s", self.starts_within_s, 1, DAY_S)
        if self.gpus:
            yield from out_of_range("gpus.count", self.gpus.count, 1, 64)


def model_words(name: str) -> tuple[str, ...]:
    """Split a GPU model's name: `NVIDIA A100-SXM4-80GB` has the words A100, SXM4 and 80GB."""
    words = re.split(r"[ -]+", name.strip().upper())
    return tuple(word for word in words if word not in {"", *_MAKERS})


def _holds(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    starts = range(len(longer) - len(shorter) + 1)
    return any(longer[start : start + len(shorter)] == shorter for start in starts)
