"""Finds the jobs and routes of a stack that the catalogue no longer has."""

from collections.abc import Sequence

from nomad_jobs.keys import routes_prefix
from nomad_jobs.model import Service
from scripts.ops.clients.target import Target


def orphans(services: Sequence[Service], target: Target) -> list[str]:
    """Name the jobs of this stack that run and are not in the catalogue `services`."""
    known = {service.name for service in services}
    return [name for name in target.nomad.jobs_of(target.platform.stack) if name not in known]


def forget_dead_routes(services: Sequence[Service], target: Target) -> None:
    """Remove the routes whose service is no longer in the catalogue and whose job no longer runs."""
    prefix = f"{routes_prefix(target.platform.stack)}/"
    alive = {service.name for service in services} | set(target.nomad.jobs_of(target.platform.stack))
    for key in target.consul.keys(prefix):
        if key.removeprefix(prefix) not in alive:
            target.consul.delete_key(key)
