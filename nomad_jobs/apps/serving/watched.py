"""Reads JSON files that Nomad rewrites while the app runs, again whenever they change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from nomad_jobs.apps.serving.events import log
from nomad_jobs.errors import ConfigError

T = TypeVar("T")
# Consul-Template writes one of these where a secret lacks the field.
_NO_KEYS = ("", "null", "<no value>")


class WatchedJson(Generic[T]):
    """The parsed content of a JSON file, as of its last good version."""

    def __init__(self, path: Path, parse: Callable[[object], T]) -> None:
        """Read `path` now; `parse` raises ValueError, without secrets in its message, for content that it refuses.

        Raises:
            ConfigError: the file is missing, or `parse` refuses its content.

        """
        self._path = path
        self._parse = parse
        self._stamp = self._stat()
        self._value = self._load()

    @property
    def value(self) -> T:
        """The content; while the file is broken its last good content stays in force, and the log says so."""
        try:
            stamp = self._stat()
            if stamp != self._stamp:
                self._stamp = stamp
                self._value = self._load()
                log("reloaded", file=self._path.name)
        except ConfigError as error:
            log("reload-failed", file=self._path.name, reason=error.what)
        return self._value

    def _stat(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise ConfigError(str(self._path), error.strerror or "cannot be read") from None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _load(self) -> T:
        try:
            return self._parse(json.loads(self._path.read_bytes()))
        except OSError as error:
            raise ConfigError(str(self._path), error.strerror or "cannot be read") from None
        except json.JSONDecodeError as error:
            raise ConfigError(str(self._path), f"not JSON at line {error.lineno}") from None
        except ValueError as error:
            raise ConfigError(str(self._path), str(error)) from None


def parse_key(value: object) -> str:
    """Read `{"key": "…"}`; raises ValueError, without the value, for any other shape."""
    key = value.get("key") if isinstance(value, dict) else None
    if not _is_key(key):
        raise ValueError('expected {"key": "…"} with a key that is not empty')
    return str(key).strip()


def parse_keys(value: object) -> tuple[str, ...]:
    """Read `{"keys": ["…", "…"]}`; raises ValueError, without the values, for any other shape."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys or not all(map(_is_key, keys)):
        raise ValueError('expected {"keys": ["…"]} with at least one key, and none that is empty')
    return tuple(key.strip() for key in keys)


def _is_key(value: object) -> bool:
    return isinstance(value, str) and value.strip() not in _NO_KEYS
