"""Foretells how long missing programs take: from what was measured once, corrected by what this machine takes."""

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.ops.toolchain import cache

COSTS = Path(__file__).parents[2] / "toolchain" / "costs.json"
"""Written by `make bench-cold`."""
_PRIOR_S = 15.0
"""How much building must be seen before this machine's speed counts as much as the one that was measured."""
_SLOW = 1.8
"""From here on a person is told that the machine is slower than was guessed."""
_USED_CORES = 8
"""More cores make a build no faster: it waits for its largest packages, and then for the linker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What Go builds took on the machine that `make bench-cold` ran on.

    Seconds of one processor for each large `packages` and for any other one (`other_package_s`); seconds of the
    clock for each of the `programs` from nothing, in the order of building; `first_start_s` is all of `make up` but
    for those. `disk_gb` is what Go's caches hold afterwards.
    """

    cores: int
    disk_gb: float
    wall_per_processor_s: float
    other_package_s: float
    first_start_s: float
    packages: Mapping[str, float]
    programs: Mapping[str, float]

    @classmethod
    def read(cls) -> "Costs":
        """Read what was measured; where that is damaged, nothing is known, and installing works all the same."""
        try:
            return cls(**json.loads(COSTS.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls(
                cores=1,
                disk_gb=0.0,
                wall_per_processor_s=1.0,
                other_package_s=0.1,
                first_start_s=0.0,
                packages={},
                programs={},
            )

    def of(self, packages: Iterable[str]) -> float:
        """Give the seconds of one processor that `packages` took."""
        return sum(self.packages.get(package, self.other_package_s) for package in packages)


class Forecast:
    """How long the programs that Go builds still take; every method may be called from any thread."""

    def __init__(
        self,
        costs: Costs,
        programs: Iterable[str],
        *,
        cores: int,
        known: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Foretell; `known` is how much slower than measured this machine was the last time, 0: it was never seen."""
        self._costs = costs
        self._clock = clock
        self._cores = cores
        self._lock = threading.Lock()
        self._left = {name: costs.programs.get(name, 0.0) / costs.wall_per_processor_s for name in programs}
        self._whole = dict(self._left)
        self._running: dict[tuple[str, str], float] = {}
        self._done = 0.0
        self._began: float | None = None
        self._guess = known or costs.cores / min(cores, _USED_CORES)
        self._was_slow = False

    def needs(self, program: str, packages: Iterable[str]) -> None:
        """Replace what was measured from nothing by the packages that Go's cache lacks."""
        with self._lock:
            self._whole[program] = self._left[program] = self._costs.of(packages)

    def starts(self, program: str, package: str) -> None:
        """Note that Go begins to compile `package`; those that began long ago have ended."""
        with self._lock:
            self._began = self._clock() if self._began is None else self._began
            self._running[program, package] = self._clock()
            while len(self._running) > self._cores:
                self._finish(*next(iter(self._running)))

    def ends(self, program: str) -> None:
        """Note that a program is there, or will not come."""
        with self._lock:
            for one in [one for one in self._running if one[0] == program]:
                self._finish(*one)
            self._left[program] = 0.0

    def share(self, program: str) -> float:
        """Give how much of `program` is done, from 0 to 1."""
        with self._lock:
            whole = self._whole[program]
            return 1 - max(0.0, self._left[program] - self._credit(program)) / whole if whole else 1.0

    def remaining_s(self) -> float:
        """Seconds until all is built, at the speed seen so far."""
        with self._lock:
            left = max(0.0, sum(self._left.values()) - self._credit())
            return left * self._costs.wall_per_processor_s * self._factor()

    def is_measured(self, program: str) -> bool:
        """Whether it is known what a build of `program` took; of any other one nothing is learned about the machine."""
        return program in self._costs.programs

    def factor(self) -> float:
        """How much slower this machine is than the one measured."""
        with self._lock:
            return self._factor()

    def is_slow(self) -> bool:
        """Tell, once, that this machine turns out to be much slower than was guessed."""
        with self._lock:
            now = self._began is not None and self._factor() > _SLOW * self._guess
            told_before, self._was_slow = self._was_slow, self._was_slow or now
            return now and not told_before

    def _finish(self, program: str, package: str) -> None:
        del self._running[program, package]
        cost = self._costs.of([package])
        self._done += cost
        self._left[program] = max(0.0, self._left[program] - cost)

    def _credit(self, program: str = "") -> float:
        """What the packages that compile now have behind them: each had one processor since it began."""
        now = self._clock()
        running = ((name, now - began) for (of, name), began in self._running.items() if not program or of == program)
        return sum(min(self._costs.of([name]), seconds) for name, seconds in running)

    def _factor(self) -> float:
        if self._began is None:
            return self._guess
        expected = (self._done + self._credit()) * self._costs.wall_per_processor_s
        return (_PRIOR_S * self._guess + self._clock() - self._began) / (_PRIOR_S + expected)


def told(seconds: float) -> str:
    """Put a duration into words, no more exact than it is."""
    minutes = math.ceil(seconds / 60)
    return "under a minute" if minutes <= 1 else f"about {minutes} min"


def here(programs: Iterable[str]) -> Forecast:
    """Make the forecast for this machine."""
    return Forecast(Costs.read(), programs, cores=usable_cores(), known=_remembered())


def remember(factor: float) -> None:
    """Keep how slow this machine is, for the next start; where that cannot be written, it is guessed again."""
    with contextlib.suppress(OSError):
        _speed().write_text(json.dumps({"cores": usable_cores(), "factor": round(factor, 2)}), encoding="utf-8")


def usable_cores(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Count the cores that a build may use here, which a container or `taskset` may have limited."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = limit.read_text().partition(" ") if limit.exists() else ("max", "", "")
    return min(allowed, max(1, int(quota) // int(period))) if quota.isdigit() else allowed


def _remembered() -> float:
    """Read the factor of the last build; 0 where there is none, or it was another number of cores."""
    try:
        kept = json.loads(_speed().read_text(encoding="utf-8"))
        return float(kept["factor"]) if kept["cores"] == usable_cores() else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _speed() -> Path:
    return cache.root() / "speed.json"
