"""Holds what is inside an image against `images/advisories.json`: advisories as they were on the day of recording.

Each is in OSV's form (ossf.github.io/osv-schema), of which Berth keeps what it reads.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debian.debian_support import Version as DebianVersion
from packaging.utils import canonicalize_name
from packaging.version import Version as PythonVersion
from pydantic import BaseModel, ConfigDict, Field

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.build.packages import Kind, Package

ECOSYSTEMS = {Kind.PYTHON: "PyPI", Kind.DEBIAN: "Debian:12"}
COMPARED = "ECOSYSTEM"
"""The type of a range whose versions are ordered as their ecosystem orders them."""
START = "0"
_ZERO = "0001-"
"""How OSV's converter for Debian begins a time that it does not have."""


class Event(BaseModel):
    """Where a range begins or ends."""

    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""

    @property
    def version(self) -> str:
        """The version that it is about; empty: one of another kind."""
        return self.introduced or self.fixed or self.last_affected


class Range(BaseModel):
    """Versions that are affected."""

    type: str
    events: list[Event]


class Name(BaseModel):
    """A package as its ecosystem calls it; Debian's is the source's."""

    ecosystem: str
    name: str


class Origin(BaseModel):
    """Who said so."""

    source: str = ""


class Affected(BaseModel):
    """Which versions of one package are affected."""

    package: Name
    ranges: list[Range] = []
    versions: list[str] = []
    database_specific: Origin = Origin()


class Advisory(BaseModel):
    """One record."""

    id: str
    summary: str = ""
    published: str = ""
    modified: str = ""
    withdrawn: str = ""
    affected: list[Affected] = []

    @property
    def is_withdrawn(self) -> bool:
        """Whether its authors took it back."""
        return bool(self.withdrawn) and not self.withdrawn.startswith(_ZERO)


class Part(BaseModel):
    """What was recorded of one ecosystem, and of which day."""

    model_config = ConfigDict(extra="forbid")
    day: dt.date
    source: str
    leaves_out: str
    """What it says nothing about, for people."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An advisory that affects a package, and the version that ends it; empty: there is none."""

    advisory: Advisory
    fixed: str


class Extract(BaseModel):
    """The recorded advisories."""

    model_config = ConfigDict(extra="forbid")
    parts: dict[str, Part] = Field(alias="recorded")
    advisories: list[Advisory]

    @property
    def scope(self) -> list[str]:
        """What was asked, and of which day: a line for each ecosystem."""
        return [self._scope(name, part) for name, part in sorted(self.parts.items())]

    def about(self, package: Package) -> Iterator[Hit]:
        """Give the advisories that affect this version of `package`."""
        for advisory in self.advisories:
            ends = [end for one in advisory.affected if (end := _end(one, package)) is not None]
            if ends and not advisory.is_withdrawn:
                yield Hit(advisory, ends[0])

    def renewed(self, ecosystem: str, part: Part, records: list[Advisory]) -> "Extract":
        """Give this extract with other records about `ecosystem`."""
        others = [one for one in self.advisories if _about(one, ecosystem) is None]
        ordered = sorted([*others, *records], key=lambda one: one.id)
        return Extract(recorded={**self.parts, ecosystem: part}, advisories=ordered)

    def _scope(self, ecosystem: str, part: Part) -> str:
        records = [one for one in self.advisories if _about(one, ecosystem)]
        newest = max((max(one.modified, one.published)[:10] for one in records), default="never")
        return f"{ecosystem}: {len(records)} records as of {part.day}, the newest of {newest}. {part.leaves_out}"


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


def write(path: Path, extract: Extract) -> None:
    """Replace the whole file or nothing; a record is a line, so that a diff says which ones came and went."""
    head = json.dumps({name: part.model_dump(mode="json") for name, part in sorted(extract.parts.items())}, indent=1)
    records = ",\n".join(one.model_dump_json(exclude_defaults=True) for one in extract.advisories)
    aside = path.with_name(f".{path.name}")
    try:
        aside.write_text(f'{{"recorded": {head},\n"advisories": [\n{records}\n]}}\n', encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise BerthError(str(path), f"cannot be written: {error.strerror}", "it was not changed") from error
    finally:
        aside.unlink(missing_ok=True)


def _about(advisory: Advisory, ecosystem: str) -> Affected | None:
    return next((one for one in advisory.affected if one.package.ecosystem == ecosystem), None)


def _end(affected: Affected, package: Package) -> str | None:
    """Give the version that ends it for this package, empty where none does; None: it is not affected."""
    if affected.package.ecosystem != ECOSYSTEMS[package.kind] or not _same_name(affected.package.name, package):
        return None
    version = package.source_version or package.version
    ranges = [one.events for one in affected.ranges if one.type == COMPARED]
    ends = [_within(events, version, _ORDERS[package.kind]) for events in ranges]
    return next((end for end in ends if end is not None), "" if version in affected.versions else None)


def _same_name(name: str, package: Package) -> bool:
    if package.kind is Kind.PYTHON:
        return canonicalize_name(name) == canonicalize_name(package.name)
    return name == package.source


def _within(events: list[Event], version: str, ordered: Callable[[str], Any]) -> str | None:
    """Tell what ends the range around `version`, by the evaluation that OSV's schema gives; None: it is outside.

    Where versions cannot be compared it is inside: to ask once too often costs less.
    """
    try:
        return _walked(
            sorted((one for one in events if one.version), key=lambda one: _place(one, ordered)), version, ordered
        )
    except ValueError:
        return ""


def _walked(events: list[Event], version: str, ordered: Callable[[str], Any]) -> str | None:
    this = (True, ordered(version))
    is_in = False
    for event in events:
        at = _place(event, ordered)
        if event.introduced:
            is_in = is_in or at <= this
        elif is_in and event.fixed and this < at:
            return event.fixed
        elif is_in and event.last_affected and this <= at:
            return f"one after {event.last_affected}"
        else:
            is_in = False
    return "" if is_in else None


def _place(event: Event, ordered: Callable[[str], Any]) -> tuple[bool, Any]:
    """Give what events are sorted by: the word for the very beginning comes before every version."""
    return (event.version != START, ordered(event.version))


_ORDERS: Mapping[Kind, Callable[[str], Any]] = {Kind.PYTHON: PythonVersion, Kind.DEBIAN: DebianVersion}
