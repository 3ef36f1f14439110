"""Measures how long rendering takes, and that it grows no faster than the catalogue."""

from collections.abc import Sequence
from dataclasses import replace

from bench.rows import Row, seconds
from nomad_jobs.images import Pins
from nomad_jobs.model import Route, Service
from nomad_jobs.platform import LOCAL, Platform
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from scripts.ops import rendering
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Settings

_RUNS = 5
_MANY = 1000


def services(count: int) -> tuple[Service, ...]:
    """Make `count` services as large as the catalogue's largest."""
    numbers = [f"{number:05}" for number in range(count)]
    largest = LLAMA_4_SCOUT.on(LOCAL)
    return tuple(replace(largest, name=f"model-{number}x", route=Route(host=f"m{number}")) for number in numbers)


def measure() -> list[Row]:
    """Render 250, 500 and 1,000 services: jobs, policies, roles and routes."""
    platform = local_platform(Settings())
    rows = []
    for count in (250, 500, _MANY):
        times = tuple(_once(services(count), platform) for _ in range(_RUNS))
        rows.append(
            Row(what=f"render {count} services", values=times, unit="s", promise="5 s" if count == _MANY else "")
        )
        each = tuple(time / count * 1000 for time in times)
        rows.append(Row(what=f"one of {count}", values=each, unit="ms", promise="the same at every size"))
    return rows


def _once(made: Sequence[Service], platform: Platform) -> float:
    return seconds(lambda: rendering.render(made, platform, Pins()))
