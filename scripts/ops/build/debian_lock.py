"""The lock `images/debian.lock`: which versions of Debian's packages are below our images, and of which day."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError, raise_all

_DAY = re.compile(r"# Written by `berth images lock` on (\d{4}-\d\d-\d\d)\b.*")
_MADE = "# Written by `berth images lock` on {day}: base, package and version of all that Debian installs.\n"
_AGAIN = "run `berth images lock` and commit the file"
_NAMED_AT_MOST = 5


class MovedOnError(BerthError):
    """Debian's archive has other versions than the lock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DebianLock:
    """Package -> version for each base, and the day of the look-up, whose midnight is every file's time."""

    day: dt.date
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """That midnight in UTC, as seconds since 1970."""
        return int(dt.datetime.combine(self.day, dt.time(), dt.UTC).timestamp())

    def of(self, base: str) -> Mapping[str, str]:
        """Give the versions of one base.

        Raises:
            ConfigError: the lock does not have it.

        """
        if base not in self.versions:
            raise ConfigError(f"base {base}", "is not in images/debian.lock", _AGAIN)
        return self.versions[base]


def read(path: Path) -> DebianLock:
    """Read the lock.

    Raises:
        ConfigError: (or ManyErrors) it is missing, or has wrong lines.

    """
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(path.name, f"cannot be read: {error}", _AGAIN) from error
    day = _day(first)
    if day is None:
        raise ConfigError(f"{path.name}:1", "does not say when it was written", _AGAIN)
    versions: dict[str, dict[str, str]] = {}
    errors: list[BerthError] = []
    for number, line in enumerate(lines, start=2):
        match line.split():
            case [base, package, version]:
                versions.setdefault(base, {})[package] = version
            case _:
                errors.append(ConfigError(f"{path.name}:{number}", "is no `base package version`", _AGAIN))
    raise_all(errors)
    return DebianLock(day=day, versions=versions)


def _day(line: str) -> dt.date | None:
    found = _DAY.fullmatch(line)
    try:
        return dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def write(path: Path, lock: DebianLock) -> None:
    """Replace the whole file, or nothing."""
    rows = [
        f"{base} {package} {version}\n"
        for base, packages in sorted(lock.versions.items())
        for package, version in sorted(packages.items())
    ]
    aside = path.with_name(f".{path.name}")
    try:
        aside.write_text(_MADE.format(day=lock.day) + "".join(rows), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise BerthError(str(path), f"cannot be written: {error.strerror}", "it was not changed") from error
    finally:
        aside.unlink(missing_ok=True)


def refuse_others(base: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuse a base that is not what the lock says.

    Raises:
        BerthError: Debian's archive has moved on since; it names what differs.

    """
    differing = list(_differing(wanted, found))
    if differing:
        more = f" and {len(differing) - _NAMED_AT_MOST} more" if len(differing) > _NAMED_AT_MOST else ""
        what = f"cannot be had any more: Debian's archive now has {', '.join(differing[:_NAMED_AT_MOST])}{more}"
        raise MovedOnError(f"base {base}", what, f"{_AGAIN}; the images will have new digests")


def _differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for package in sorted(wanted.keys() | found.keys()):
        if wanted.get(package) != found.get(package):
            yield f"{package} {found.get(package, 'not at all')} (locked: {wanted.get(package, 'not at all')})"
