"""Holds what is inside an image against `images/advisories.json`, an extract of OSV as it was on one day."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from debian.debian_support import Version as DebianVersion
from packaging.utils import canonicalize_name
from packaging.version import Version as PythonVersion
from pydantic import BaseModel, ConfigDict

from nomad_jobs.errors import ConfigError
from scripts.ops.build.packages import Kind, Package

_ECOSYSTEMS = {Kind.PYTHON: "PyPI", Kind.DEBIAN: "Debian:12"}
_START = "0"


class _Event(BaseModel):
    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""


class _Range(BaseModel):
    type: str
    events: list[_Event]


class _Name(BaseModel):
    ecosystem: str
    name: str


class _Affected(BaseModel):
    package: _Name
    ranges: list[_Range] = []
    versions: list[str] = []


class Advisory(BaseModel):
    """One record in OSV's form (ossf.github.io/osv-schema), of which Berth reads this much."""

    id: str
    summary: str = ""
    withdrawn: str = ""
    affected: list[_Affected]


class Extract(BaseModel):
    """The recorded advisories."""

    model_config = ConfigDict(extra="forbid")
    recorded: dt.date
    source: str
    leaves_out: str
    """What it says nothing about, for people."""
    advisories: list[Advisory]

    @property
    def scope(self) -> str:
        """What was asked, and of which day, in one line."""
        return f"vulnerabilities: {len(self.advisories)} records of {self.recorded}. {self.leaves_out}"

    def about(self, package: Package) -> Iterator[Advisory]:
        """Give the advisories that affect this version of `package`."""
        for advisory in self.advisories:
            if not advisory.withdrawn and any(_affects(one, package) for one in advisory.affected):
                yield advisory


def read(path: Path) -> Extract:
    """Read the extract.

    Raises:
        ConfigError: it is missing, or has another form.

    """
    try:
        return Extract.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            path.name, f"cannot be read: {' '.join(str(error).split())}", "restore it from git"
        ) from error


def _affects(affected: _Affected, package: Package) -> bool:
    if affected.package.ecosystem != _ECOSYSTEMS[package.kind] or not _same_name(affected.package.name, package):
        return False
    ordered = _ORDERS[package.kind]
    return package.version in affected.versions or any(
        _within(one.events, package.version, ordered) for one in affected.ranges if one.type == "ECOSYSTEM"
    )


def _same_name(name: str, package: Package) -> bool:
    if package.kind is Kind.PYTHON:
        return canonicalize_name(name) == canonicalize_name(package.name)
    return name in {package.name, package.source}


def _within(events: list[_Event], version: str, ordered: Callable[[str], Any]) -> bool:
    """Tell whether `version` is in the range, by the evaluation that OSV's schema gives."""
    this = ordered(version)
    is_in = False
    for event in events:
        if event.introduced:
            is_in = is_in or event.introduced == _START or ordered(event.introduced) <= this
        elif event.fixed:
            is_in = is_in and this < ordered(event.fixed)
        elif event.last_affected:
            is_in = is_in and this <= ordered(event.last_affected)
    return is_in


_ORDERS: dict[Kind, Callable[[str], Any]] = {Kind.PYTHON: PythonVersion, Kind.DEBIAN: DebianVersion}
