"""JSON over HTTP, with what the client libraries lack: blocking queries, strict TLS, errors in the user's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import requests
from requests.adapters import HTTPAdapter

from nomad_jobs.errors import AuthError, DeadlineError, RefusedError, UnansweredError

TIMEOUT_S = 10.0
FIX = "is the platform up? `berth doctor` looks"
"""What to do when a server does not answer."""
_FIXES = {
    "Vault is sealed": "on a laptop `berth up` unseals it; on a cloud stack it does so itself, once KMS answers",
}
"""What to do about what a server says."""
_STANDBY = ("local node not active", "error during forwarding RPC request")
"""What a server of Vault says that reaches no active one."""
_CHOOSING = "Vault's servers are choosing who is active: try again in a moment"
_WAIT_LIMIT_S = 300.0
"""Longest single blocking query; Consul and Nomad cap theirs at ten minutes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a blocking query: the body, and the index for the next one."""

    body: Any
    index: int


class Api:
    """One server's JSON API; TLS is always verified, against `ca_file` or the system's authorities."""

    def __init__(
        self, name: str, url: str, *, headers: dict[str, str], ca_file: str | None = None, fix: str = ""
    ) -> None:
        self.name = name
        self.url = url
        self.fix = fix
        import ssl  # noqa: PLC0415 - building a context costs 20 ms, and plain loopback needs none

        verify = ssl.create_default_context(cafile=ca_file) if url.startswith("https") else False
        # The environment's proxies and CA bundles are for the internet, not for our own agents.
        self._http = httpx.Client(base_url=url, headers=headers, verify=verify, trust_env=False, timeout=TIMEOUT_S)

    @property
    def where(self) -> str:
        """Name and address, for messages."""
        return f"{self.name} at {self.url}"

    def get(self, path: str, /, **params: str | int) -> Any:
        """Read; None on 404.

        Raises:
            AuthError: the token is not allowed to.
            RefusedError: the server refused.
            UnansweredError: no server answers.

        """
        response = self._send("GET", path, params=params)
        return None if response.status_code == httpx.codes.NOT_FOUND else _json(response)

    def text(self, path: str, /, **params: str | int) -> str:
        """Read plain text, such as a log; empty when there is none."""
        response = self._send("GET", path, params=params)
        return "" if response.status_code == httpx.codes.NOT_FOUND else response.text

    def read(self, path: str) -> Any:
        """Read below `/v1/`; None where nothing is there, or nothing that this token may see.

        Raises:
            RefusedError: the server failed.
            UnansweredError: no server answers.

        """
        try:
            return self.get(f"/v1/{path}")
        except AuthError:  # Consul answers so for a token that does not exist
            return None
        except RefusedError as error:
            if error.status == httpx.codes.BAD_REQUEST:  # Vault answers so for a path whose engine is not mounted
                return None
            raise

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a body below `/v1/`; raises as `put` does."""
        return self._write(method, f"/v1/{path}", body, {})

    def status(self, path: str) -> int:
        """Give the HTTP status of a GET, whatever it is: health endpoints answer with it."""
        with self._translated():
            return self._http.get(path).status_code

    def put(self, path: str, json: Any = None, **params: str | int) -> Any:
        """Write with PUT; raises as `get` does, and RefusedError on 404."""
        return self._write("PUT", path, json, params)

    def post(self, path: str, json: Any = None, **params: str | int) -> Any:
        """Write with POST; raises as `put` does."""
        return self._write("POST", path, json, params)

    def patch(self, path: str, json: Any) -> Any:
        """Merge `json` into what is there (RFC 7396: null removes); raises as `put` does."""
        return self._write("PATCH", path, json, {}, headers={"Content-Type": "application/merge-patch+json"})

    def delete(self, path: str, **params: str | int) -> None:
        """Delete; a missing resource is fine."""
        self._send("DELETE", path, params=params)

    def blocking(self, path: str, index: int, wait_s: float, **params: str | int) -> Answer:
        """Wait at most `wait_s` seconds for `path` to be newer than `index` (0: answer at once).

        The answer may be unchanged. An index that went backwards is given as 0, as Consul and Nomad advise.
        """
        wait = min(max(wait_s, 0.1), _WAIT_LIMIT_S)
        ask = {**params, "index": index, "wait": f"{int(wait * 1000)}ms"}
        # Servers add up to a sixteenth of the wait, so that not all clients return at once.
        response = self._send("GET", path, params=ask, timeout=wait * 17 / 16 + TIMEOUT_S)
        new = int(response.headers.get(f"X-{self.name}-Index", 0))
        body = None if response.status_code == httpx.codes.NOT_FOUND else _json(response)
        return Answer(body, max(new, 1) if new >= index else 0)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _write(self, method: str, path: str, json: Any, params: dict[str, str | int], **options: Any) -> Any:
        response = self._send(method, path, json=json, params=params, **options)
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
        if response.status_code == httpx.codes.TEMPORARY_REDIRECT or any(said in reason for said in _STANDBY):
            raise UnansweredError(self.where, f"{reason}: a standby, which passes nothing on now", _CHOOSING)
        raise RefusedError(self.where, reason, _fix(reason), status=response.status_code)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise DeadlineError(self.where, f"no answer in time ({error})", self.fix) from None
        except httpx.TransportError as error:
            raise UnansweredError(self.where, f"does not answer ({error})", self.fix) from None


class _Deadline(HTTPAdapter):
    """Gives a request a timeout where its library sets none, as py-consul does."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send, with our timeout where there is none."""
        if options.get("timeout") is None:
            options["timeout"] = TIMEOUT_S
        return super().send(request, *args, **options)


def session(ca_file: str | None) -> requests.Session:
    """Make a requests session for the client libraries: verified TLS, a timeout, nothing from the environment."""
    own = requests.Session()
    own.trust_env = False
    own.verify = ca_file or True
    for scheme in ("http://", "https://"):
        own.mount(scheme, _Deadline())
    return own


def _json(response: httpx.Response) -> Any:
    return response.json() if response.content else None


def _fix(reason: str) -> str:
    return next((fix for said, fix in _FIXES.items() if said in reason), "")


def _reason(response: httpx.Response) -> str:
    """Give the server's own message on one line; Vault wraps it in `errors`."""
    try:
        body = response.json()
        said = "; ".join(body["errors"]) if isinstance(body, dict) and body.get("errors") else response.text
    except ValueError:
        said = response.text
    return f"{response.status_code} {' '.join(said.split())}"[:600]
