"""Holds the licences of what is inside an image against the allow-list `images/licences.toml`."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nomad_jobs.errors import ConfigError
from scripts.ops.build.packages import Package


class AllowList(BaseModel):
    """Which licences may be in an image, by the names that packages use for them."""

    model_config = ConfigDict(extra="forbid")
    allowed: frozenset[str]
    reviewed: dict[str, list[str]]
    """Package -> its licences, as a person read them, where no program can."""

    def faults(self, packages: Iterable[Package]) -> Iterator[str]:
        """Say of each package that may not be there why."""
        for package in packages:
            licences = self.reviewed.get(package.name) or package.licences
            if not licences:
                yield f"{package.name} {package.version} names no licence that a program can read"
            if others := [name for name in licences if name not in self.allowed]:
                yield f"{package.name} {package.version} is under {', '.join(others)}"


def read(path: Path) -> AllowList:
    """Read the allow-list.

    Raises:
        ConfigError: it is missing, or has another form.

    """
    try:
        return AllowList.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(
            path.name, f"cannot be read: {' '.join(str(error).split())}", "restore it from git"
        ) from error
