"""Guards every path of an engine with API keys: `vllm serve --middleware engine_keys.Guard`.

vLLM's own keys guard some paths only (0.19.1: /v1, while anybody may generate at /invocations), stand in its log, and
open everything where they are empty. This one file runs on any Python from 3.8 on with the standard library alone:
Nomad writes it into the task, whatever its image, and PYTHONPATH names its folder. It reads the keys from the JSON
file that ENGINE_KEYS_FILE names, {"keys": ["…", "…"]}; a changed file counts at the next request. Where that file
holds no good key, the import of this module ends the engine, which would otherwise be open. It prints no key. In a
task, once it uses the keys, it writes the `versions` beside them to versions-<the stem of the file's name>.json.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pathlib
import sys
import threading
import time
from typing import Any, Awaitable, Callable, MutableMapping  # noqa: UP035 - Python 3.8

# ASGI's types; its specification says what each callable takes and gives.
Message = MutableMapping[str, Any]
Receive = Callable[..., Awaitable[Message]]
Send = Callable[..., Awaitable[None]]
App = Callable[..., Awaitable[None]]

# Consul and Prometheus ask for these without a key, from inside. Only these exact paths are open, and none below.
OPEN = ("/health", "/ping", "/metrics")
# Consul-Template writes one of these where a secret lacks the field.
NO_KEYS = ("", "null", "<no value>")
LOOK_S = 0.05
# vLLM's own words.
REFUSAL = b'{"error":"Unauthorized"}'


class Guard:
    """ASGI middleware: a request for any path but `OPEN` needs a key, over HTTP and WebSocket, whatever the method.

    It refuses a browser's preflight (OPTIONS), which cannot carry a key: keys have no place in a browser.
    """

    def __init__(self, app: App, keys: Keys | None = None) -> None:
        """Guard `app`; unless given, the keys are those of the file that the environment names."""
        self._app, self._keys = app, keys or KEYS

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or is_open(scope) or self._keys.accept(given_key(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            length = str(len(REFUSAL)).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", length),
                (b"www-authenticate", b"Bearer"),
            ]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL})


def is_open(scope: Message) -> bool:
    """Tell whether this is a check or a scrape; the engine's router sees the same path, so it reads it alike."""
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN


def given_key(scope: Message) -> bytes:
    """Return the bearer's key, or nothing: of two Authorization headers neither counts, as either would be a guess."""
    values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    scheme, _, key = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return key.strip() if scheme.lower() == b"bearer" else b""


class BadKeysError(ValueError):
    """The file holds no good keys; the message says why, without its content."""


class Keys:
    """The keys of a file, as of its last good version."""

    def __init__(self, path: str) -> None:
        """Read `path` now, and again whenever it changes; raises BadKeysError."""
        self._path = path
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._load()
        threading.Thread(target=self._watch, name="engine_keys", daemon=True).start()

    def accept(self, key: bytes) -> bool:
        """Tell whether `key` is one of them."""
        self._follow()
        # We compare every key, as digests of one length, so that the time taken says nothing about any of them.
        digest, found = hashlib.sha256(key).digest(), False
        for good in self._digests:
            found |= hmac.compare_digest(digest, good)
        return found

    def _watch(self) -> None:
        """Follow the file without a request too, so that it is known soon which versions are in use."""
        while True:
            time.sleep(LOOK_S)
            self._follow()

    def _follow(self) -> None:
        with self._lock:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._load()
            except BadKeysError as error:
                say("keys-kept", file=self._path, reason=str(error))

    def _load(self) -> None:
        self._digests, versions = read(self._path)
        say("keys-loaded", file=self._path, keys=len(self._digests))
        tell(self._path, versions)


def tell(path: str, versions: object) -> None:
    """Write which versions are in use where Nomad serves it; outside a task there is nobody to tell."""
    folder = os.environ.get("NOMAD_TASK_DIR")
    if folder and isinstance(versions, dict):
        told = pathlib.Path(folder, "versions-" + pathlib.Path(path).stem + ".json")
        aside = told.with_suffix("." + str(os.getpid()))  # vLLM may have several processes that answer
        try:
            aside.write_text(json.dumps(versions))
            aside.replace(told)
        except OSError as error:
            say("versions-not-told", file=str(told), reason=error.strerror)


def read(path: str) -> tuple[list[bytes], object]:
    """Read the file; return each key's SHA-256, and what it says of versions. Raises BadKeysError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would tidy the path
            value = json.loads(file.read())
    except OSError as error:
        raise BadKeysError(error.strerror or "cannot be read") from None
    except (ValueError, RecursionError):
        raise BadKeysError("not JSON") from None
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys:
        raise BadKeysError('expected {"keys": ["…"]} with at least one key')
    return [_digest(number, key) for number, key in enumerate(keys, start=1)], value.get("versions")


def _digest(number: int, key: object) -> bytes:
    if not isinstance(key, str):
        raise BadKeysError(f"key {number} is no text")
    if key.strip() in NO_KEYS:
        raise BadKeysError(f"key {number} is empty")
    try:
        return hashlib.sha256(key.strip().encode()).digest()
    except UnicodeEncodeError:
        raise BadKeysError(f"key {number} is no Unicode text") from None


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def say(event: str, **fields: object) -> None:
    """Print one line of JSON, as Berth's own apps do."""
    print(json.dumps({"event": event, **fields}), flush=True)


def _keys_of_environment() -> Keys:
    path = os.environ.get("ENGINE_KEYS_FILE", "")
    try:
        return Keys(path)
    except BadKeysError as error:
        sys.exit(f"engine_keys: {path or 'ENGINE_KEYS_FILE'}: {error}")


KEYS = _keys_of_environment()
