"""Reads what Vault knows of a secret's versions: when each was written, by whom, and what became of it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.ops.clients.vault import Vault, pinned_in

_FAR = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One version of a secret."""

    number: int
    at: dt.datetime
    by: str
    """Who wrote it, as Vault names whoever held the token; `unknown` where an older Vault kept no name."""
    deleted_at: dt.datetime | None = None
    """When it was deleted, or, in the future, when it will be."""
    deleted_by: str = ""
    is_destroyed: bool = False

    def age(self, at: dt.datetime) -> str:
        """Say how old it is, in the largest unit that fits."""
        return span(at - self.at)

    def is_gone(self, at: dt.datetime) -> bool:
        """Whether it cannot be read."""
        return self.is_destroyed or (self.deleted_at is not None and self.deleted_at <= at)


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What Vault keeps of a secret's versions, oldest first."""

    versions: tuple[Written, ...] = ()
    current: int = 0
    """Number of the newest version; 0: there is none."""
    pinned: int = 0
    """The version that deployments use instead of the newest one; 0: none is pinned."""

    @property
    def newest(self) -> Written | None:
        """The newest version, whether or not it can be read."""
        return self.version(self.current)

    @property
    def in_use(self) -> Written | None:
        """The version that deployments use."""
        return self.version(self.pinned or self.current)

    def version(self, number: int) -> Written | None:
        """The version of this number; None if Vault never had it, or keeps it no longer."""
        return next((one for one in self.versions if one.number == number), None)


def read(vault: Vault, path: str) -> History:
    """Read the versions of the secret at `path`; none where there is no secret."""
    return parse(vault.metadata(path) or {})


def parse(metadata: Mapping[str, Any]) -> History:
    """Read Vault's metadata of a secret."""
    rows = [_written(int(number), row) for number, row in (metadata.get("versions") or {}).items()]
    return History(
        versions=tuple(sorted(rows, key=lambda one: one.number)),
        current=int(metadata.get("current_version") or 0),
        pinned=pinned_in(metadata),
    )


def now() -> dt.datetime:
    """Give the time, with its zone."""
    return dt.datetime.now(dt.UTC)


def span(length: dt.timedelta) -> str:
    """Write a length of time in the largest unit that fits: `3 d`, `5 h`."""
    seconds = max(int(length.total_seconds()), 0)
    size, unit = next(((size, unit) for size, unit in _FAR if seconds >= size), _FAR[-1])
    return f"{seconds // size} {unit}"


def moment(text: str) -> dt.datetime | None:
    """Read a time as Vault writes it, with nanoseconds; None where it writes none."""
    return dt.datetime.fromisoformat(text) if text else None


def _written(number: int, row: Mapping[str, Any]) -> Written:
    return Written(
        number=number,
        at=dt.datetime.fromisoformat(row["created_time"]),
        by=_who(row.get("created_by")),
        deleted_at=moment(row.get("deletion_time") or ""),
        deleted_by=_who(row.get("deleted_by")) if row.get("deletion_time") else "",
        is_destroyed=bool(row.get("destroyed")),
    )


def _who(attribution: Mapping[str, Any] | None) -> str:
    return str((attribution or {}).get("actor") or "unknown")
