"""Reads JSON files that Nomad rewrites while the app runs, again whenever they change."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Generic, TypeVar

from nomad_jobs.apps.serving.events import log
from nomad_jobs.errors import ConfigError

T = TypeVar("T")
_LOOK_S = 0.05
# Consul-Template writes one of these where a secret lacks the field.
_NO_KEYS = ("", "null", "<no value>")


class WatchedJson(Generic[T]):
    """The parsed content of a JSON file, as of its last good version.

    Where the file names `versions` of secrets beside its content, the app tells that it uses them: in a task, it writes
    them to `versions-<the file's stem>.json` in the task's folder, which Nomad serves.
    """

    def __init__(self, path: Path, parse: Callable[[object], T]) -> None:
        """Read `path` now, and again whenever it changes.

        `parse` raises ValueError, without secrets in its message, for content that it refuses.

        Raises:
            ConfigError: the file is missing, or `parse` refuses its content.

        """
        self._path = path
        self._parse = parse
        self._lock = Lock()
        self._stamp = self._stat()
        self._value = self._load()
        Thread(target=self._watch, name=f"watch {path.name}", daemon=True).start()

    @property
    def value(self) -> T:
        """The content; while the file is broken its last good content stays in force, and the log says so."""
        self._follow()
        return self._value

    def _watch(self) -> None:
        """Follow the file without a question too, so that it is known soon which versions are in use."""
        while True:
            time.sleep(_LOOK_S)
            self._follow()

    def _follow(self) -> None:
        with self._lock:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._value = self._load()
            except ConfigError as error:
                log("reload-failed", file=self._path.name, reason=error.what)
            else:
                log("reloaded", file=self._path.name)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _load(self) -> T:
        try:
            content = json.loads(self._path.read_bytes())
            value = self._parse(content)
        except OSError as error:
            raise ConfigError(str(self._path), error.strerror or "cannot be read") from None
        except json.JSONDecodeError as error:
            raise ConfigError(str(self._path), f"not JSON at line {error.lineno}") from None
        except ValueError as error:
            raise ConfigError(str(self._path), str(error)) from None
        _tell(self._path, content)
        return value


def _tell(path: Path, content: object) -> None:
    """Write which versions are in use; outside a task there is nobody to tell."""
    folder = os.environ.get("NOMAD_TASK_DIR")
    versions = content.get("versions") if isinstance(content, dict) else None
    if folder and isinstance(versions, dict):
        told = Path(folder, f"versions-{path.stem}.json")
        try:
            aside = told.with_suffix(".next")
            aside.write_text(json.dumps(versions))
            aside.replace(told)
        except OSError as error:
            log("versions-not-told", file=told.name, reason=error.strerror)


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
