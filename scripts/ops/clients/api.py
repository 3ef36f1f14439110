"""JSON over HTTP for what the client libraries lack: blocking queries, strict TLS, errors in the user's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import requests
from requests.adapters import HTTPAdapter

from nomad_jobs.errors import AuthError, BerthError, DeadlineError, RefusedError

TIMEOUT_S = 10.0
_WAIT_LIMIT_S = 300.0
"""Longest single blocking query; Consul and Nomad cap theirs at ten minutes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a blocking query gave: the body, and the index to ask with next."""

    body: Any
    index: int


class Api:
    """One server's JSON API."""

    def __init__(
        self, name: str, url: str, *, headers: dict[str, str], ca_file: str | None = None, fix: str = ""
    ) -> None:
        """Talk to `url` as `name`; TLS is always verified, against `ca_file` or the system's authorities."""
        self.name, self.url, self.fix = name, url, fix
        import ssl  # noqa: PLC0415 - building a context costs 20 ms, and plain loopback needs none

        verify = ssl.create_default_context(cafile=ca_file) if url.startswith("https") else False
        # Proxies and CA bundles of the environment are for the internet, not for our own agents.
        self._http = httpx.Client(base_url=url, headers=headers, verify=verify, trust_env=False, timeout=TIMEOUT_S)

    @property
    def where(self) -> str:
        """Name and address, for messages."""
        return f"{self.name} at {self.url}"

    def get(self, path: str, /, **params: str | int) -> Any:
        """Read; None when there is nothing (404).

        Raises:
            AuthError: the token may not.
            RefusedError: the server refused.
            BerthError: no server answers.

        """
        response = self._send("GET", path, params=params)
        return None if response.status_code == httpx.codes.NOT_FOUND else _json(response)

    def text(self, path: str, /, **params: str | int) -> str:
        """Read plain text, such as a log; empty when there is none."""
        response = self._send("GET", path, params=params)
        return "" if response.status_code == httpx.codes.NOT_FOUND else response.text

    def read(self, path: str) -> Any:
        """Give the answer to a GET below `/v1/`; None where nothing is there, or nothing that this token may know of.

        Raises:
            RefusedError: the server is in trouble itself.
            BerthError: no server answers.

        """
        try:
            return self.get(f"/v1/{path}")
        except AuthError:  # Consul says so of a token that is not there
            return None
        except RefusedError as error:
            if error.status == httpx.codes.BAD_REQUEST:  # Vault, of a path whose engine is not mounted
                return None
            raise

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a body below `/v1/`; raises as `put` does."""
        return self._write(method, f"/v1/{path}", body, {})

    def status(self, path: str) -> int:
        """HTTP status of a GET, whatever it is: for health endpoints, which speak through it."""
        with self._translated():
            return self._http.get(path).status_code

    def put(self, path: str, json: Any = None, **params: str | int) -> Any:
        """Write with PUT; raises as `get` does, and RefusedError on 404."""
        return self._write("PUT", path, json, params)

    def post(self, path: str, json: Any = None, **params: str | int) -> Any:
        """Write with POST; raises as `put` does."""
        return self._write("POST", path, json, params)

    def delete(self, path: str, **params: str | int) -> None:
        """Delete; nothing there is as good."""
        self._send("DELETE", path, params=params)

    def blocking(self, path: str, index: int, wait_s: float, **params: str | int) -> Answer:
        """Wait at most `wait_s` seconds for `path` to be newer than `index` (0: answer at once).

        The answer may be unchanged, and an index that went backwards starts over: both are Consul's rules, and Nomad's.
        """
        wait = min(max(wait_s, 0.1), _WAIT_LIMIT_S)
        ask = {**params, "index": index, "wait": f"{int(wait * 1000)}ms"}
        # Servers add up to a sixteenth of the wait, so that many watchers do not return at once.
        response = self._send("GET", path, params=ask, timeout=wait * 17 / 16 + TIMEOUT_S)
        new = int(response.headers.get(f"X-{self.name}-Index", 0))
        body = None if response.status_code == httpx.codes.NOT_FOUND else _json(response)
        return Answer(body, max(new, 1) if new >= index else 0)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _write(self, method: str, path: str, json: Any, params: dict[str, str | int]) -> Any:
        response = self._send(method, path, json=json, params=params)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise RefusedError(self.where, f"{method} {path}: {_reason(response)}", status=response.status_code)
        return _json(response)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._translated():
            response = self._http.request(method, path, **options)
        if response.is_success or response.status_code == httpx.codes.NOT_FOUND:
            return response
        reason = f"{method} {path}: {_reason(response)}"
        if response.status_code in {httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED}:
            raise AuthError(self.where, reason, "the token is missing, expired or not allowed to do this")
        raise RefusedError(self.where, reason, status=response.status_code)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise DeadlineError(self.where, f"no answer in time ({error})", self.fix) from None
        except httpx.TransportError as error:
            raise BerthError(self.where, f"does not answer ({error})", self.fix) from None


class _Deadline(HTTPAdapter):
    """Ends a request that its library would wait on for ever (py-consul sets no timeout at all)."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send with our deadline where there is none."""
        if options.get("timeout") is None:
            options["timeout"] = TIMEOUT_S
        return super().send(request, *args, **options)


def session(ca_file: str | None) -> requests.Session:
    """Give the client libraries, which use requests, our rules: verified TLS, a deadline, no settings from outside."""
    own = requests.Session()
    own.trust_env = False
    own.verify = ca_file or True
    for scheme in ("http://", "https://"):
        own.mount(scheme, _Deadline())
    return own


def _json(response: httpx.Response) -> Any:
    return response.json() if response.content else None


def _reason(response: httpx.Response) -> str:
    """The server's own words, one line; Vault wraps them in `errors`."""
    try:
        body = response.json()
        said = "; ".join(body["errors"]) if isinstance(body, dict) and body.get("errors") else response.text
    except ValueError:
        said = response.text
    return f"{response.status_code} {' '.join(said.split())}"[:600]
