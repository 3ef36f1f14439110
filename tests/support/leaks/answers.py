"""What the three servers answer to a token: every GET of their APIs, streams for a moment."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

_STREAM_S = 2.0
_QUIET = httpx.Timeout(15, read=1.0)
_REFUSED = b"Permission denied"
"""So Nomad answers for a file that may not be read, with status 200."""
EVENTS = "/v1/event/stream?index=0&topic=Job&topic=Allocation&topic=Evaluation&topic=Deployment&topic=Service"
STREAMS = (
    EVENTS,
    "/v1/event/stream?index=0&topic=Node",
    "/v1/event/stream?index=0",
    "/v1/agent/monitor?log_level=trace",
)
"""Nomad's: they do not end by themselves."""
CONSUL_STREAMS = ("/v1/agent/monitor?loglevel=trace",)
_LISTED = "?list=true"
VAULT_STREAMS = ("/v1/sys/monitor?log_level=trace",)
_ENDLESS = {"/sys/monitor"}
_ENDPOINTS = Path(__file__).parent / "endpoints"


def paths(of: str) -> list[str]:
    """Read the GETs of a server's API, as its documentation lists them; some have holes to be filled."""
    return (_ENDPOINTS / f"{of}.txt").read_text().split()


class Asking:
    """One server, asked with one token; counts what it was allowed to read."""

    def __init__(self, who: str, url: str, headers: Mapping[str, str]) -> None:
        self._who = who
        self._http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=15)
        self.read: list[str] = []

    def get(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield what each path answers, refusals included: an error must hold no value either."""
        for path in paths:
            answer = self._http.get(path)
            is_read = answer.is_success and answer.content != _REFUSED
            self.read += [path] if is_read else []
            yield f"{self._who} GET {path}", answer.content

    def streams(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield what a stream says at first, and what is said meanwhile: it does not end by itself."""
        for path in paths:
            said = bytearray()
            until = time.monotonic() + _STREAM_S
            with suppress(httpx.ReadTimeout), self._http.stream("GET", path, timeout=_QUIET) as answer:
                self.read += [path] if answer.is_success else []
                for part in answer.iter_bytes():
                    said += part
                    if time.monotonic() > until:
                        break
            yield f"{self._who} GET {path}", bytes(said)

    def close(self) -> None:
        self._http.close()


def vault_paths(spec: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Give every GET that Vault itself says it has; what a path leaves open is filled with what is `known`."""
    found: list[str] = []
    for path, what in spec["paths"].items():
        if "get" not in what or path in _ENDLESS:
            continue
        lists = any(one.get("name") == "list" for one in what["get"].get("parameters", ()))
        found += [f"/v1{one}{_LISTED if lists else ''}" for one in _filled(path, known)]
    return sorted(set(found))


def _filled(path: str, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, values in known.items():
        hole = "{" + name + "}"
        if hole in path:
            for value in values:
                yield from _filled(path.replace(hole, value), known)
            return
    if "{" not in path:
        yield path
