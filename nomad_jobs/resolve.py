"""Resolves the catalogue for a stack: every override applied, and what does not run there left out, with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nomad_jobs.model import Service
from nomad_jobs.platform import Driver


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one stack runs. Renderers, checks, costs and deployments see only such services."""

    services: tuple[Service, ...]
    """In the catalogue's order."""
    left_out: Mapping[str, str]
    """Why each of the others does not run there, by its name."""


def resolve(services: Sequence[Service], stack: str, driver: Driver) -> Resolved:
    """Resolve `services` for a stack whose nodes have `driver`.

    Where containers are off, a service without a process is left out, and what uses it as well: it would wait for it.
    """
    left_out = {one.name: "its file says that it is absent" for one in services if one.is_absent_on(stack)}
    if driver is Driver.RAW_EXEC:
        left_out = {**_without_process(services, left_out), **left_out}
    names = [one.name for one in services]
    return Resolved(
        services=tuple(one.on(stack) for one in services if one.name not in left_out),
        left_out={name: left_out[name] for name in names if name in left_out},
    )


def _without_process(services: Sequence[Service], absent: Mapping[str, str]) -> dict[str, str]:
    found = {one.name: "it has no process, and containers are off" for one in services if one.process is None}
    while True:
        users = {
            one.name: f"it uses '{used}', which is left out"
            for one in services
            for used in one.uses
            if used in found and used not in absent and one.name not in found
        }
        if not users:
            return found
        found |= users
