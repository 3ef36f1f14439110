"""Reads which version of each secret every running instance says that it uses, through Nomad. No value is read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nomad_jobs.errors import DeadlineError, RefusedError
from nomad_jobs.model import Service
from nomad_jobs.model.file import TOLD_PINNED
from scripts.ops.clients.nomad import Nomad

_AT_ONCE = 8
_LARGEST = 2**63 - 1
"""Number that Vault can give a version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """One running instance, and what it says of its secrets."""

    service: str
    allocation: str
    """Nomad's id of it."""
    node: str
    versions: Mapping[str, int]
    """The version that it uses, by the secret's path below the namespace; without an entry, it does not say."""
    fault: str = ""
    """Why what it says cannot be read."""

    def has(self, name: str) -> str:
        """Say which version of a secret it has, in words that follow its name."""
        if version := self.versions.get(name):
            return f"has version {version}"
        return f"does not say which version it has{f' ({self.fault})' if self.fault else ''}"


def running(services: Sequence[Service], nomad: Nomad) -> list[Running]:
    """List the running instances of services that read secrets, by service and node."""
    asked = [(one, row) for one in services if one.secrets for row in _instances(one, nomad)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda pair: _read(pair[0], pair[1], nomad), asked))
    return sorted(found, key=lambda one: (one.service, one.node, one.allocation))


def _instances(service: Service, nomad: Nomad) -> list[Mapping[str, Any]]:
    rows = nomad.allocations(service.name).body or []
    return [row for row in rows if row["DesiredStatus"] == "run" and row["ClientStatus"] == "running"]


def _read(service: Service, row: Mapping[str, Any], nomad: Nomad) -> Running:
    try:
        told = [_parsed(nomad.file(row["ID"], f"{service.name}/{place}")) for place in _places(service)]
        fault = ""
    except (RefusedError, DeadlineError) as error:  # of this node or this task alone: the others still tell
        told, fault = [], error.what
    paths = {path for one in told for path in one}
    # A task may read a secret twice, and take up one of them later: it goes on with the older one.
    versions = {path: min(one[path] for one in told if path in one) for path in sorted(paths)}
    return Running(service=service.name, allocation=row["ID"], node=row["NodeName"], versions=versions, fault=fault)


def _places(service: Service) -> Iterator[str]:
    """Name the files in which a task of the service tells its versions."""
    if service.pinned_secrets:
        yield TOLD_PINNED
    yield from (file.told_at for file in service.files if file.follows and file.refs)


def _parsed(text: str) -> dict[str, int]:
    """Read what a task wrote: it may be anything, and what is not a version does not count."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {path: number for path, number in entries if type(number) is int and 0 < number <= _LARGEST}
