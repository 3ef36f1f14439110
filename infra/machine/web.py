"""JSON over HTTP with the standard library: TLS verified, no proxy in between, a deadline on every call."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from infra.machine.fault import Fault

TIMEOUT_S = 10


class Refused(Fault):
    """A server answered with an error; `status` and `body` are its own."""

    def __init__(self, what: str, status: int, body: str) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{what}: {status} {' '.join(body.split())}"[:600])


def call(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    ca_file: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, bytes]:
    """Make one request, and give status and body.

    Raises:
        Refused: the answer is an error.
        Fault: there is none.

    """
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})  # noqa: S310 - our own URLs
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if url.startswith("https"):
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            return int(answer.status), bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise Refused(f"{method} {url}", error.code, error.read().decode(errors="replace")) from None
    except OSError as error:
        raise Fault(f"{method} {url}: {error}") from None


class Api:
    """One of HashiCorp's servers: JSON in, JSON out, a token in its own header."""

    def __init__(self, url: str, ca_file: str, header: str = "", token: str = "") -> None:
        """Talk to `url`; `ca_file` has the authority of its certificate."""
        self.url = url
        self._ca_file = ca_file
        self._headers = {header: token} if token else {}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call `/v1/<path>`; None where nothing is there.

        Raises:
            Refused: the server says no.
            Fault: it does not answer.

        """
        data = None if body is None else json.dumps(body).encode()
        try:
            _, text = self.raw(method, f"/v1/{path}", data)
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return json.loads(text) if text else None

    def read(self, path: str) -> Any:
        """Read; None where nothing is there, or nothing that this token may know of."""
        try:
            return self.ask("GET", path)
        except Refused as error:
            # 400: Vault has no such engine. 403: Consul has no such token.
            if error.status in (400, 403):
                return None
            raise

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a body; a DELETE of what is not there is fine."""
        return self.ask(method, path, body)

    def raw(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Call any path of the server."""
        return call(method, f"{self.url}{path}", body, self._headers, self._ca_file)

    def get(self, path: str) -> Any:
        """Read."""
        return self.ask("GET", path)

    def put(self, path: str, body: Any = None) -> Any:
        """Write."""
        return self.ask("PUT", path, {} if body is None else body)
