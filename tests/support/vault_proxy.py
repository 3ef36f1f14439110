"""A proxy before Vault that loses the answer of chosen requests: Vault has done what it was asked, and nobody hears."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_PASSED = ("X-Vault-Token", "Content-Type")


@dataclass
class _Loss:
    """What is lost: the first answer to a `method`, or, with `instead`, the request itself."""

    url: str
    method: str
    instead: Callable[[], object] | None
    lost: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response | None:
        loses = method == self.method and not self.lost
        if loses:
            self.lost.append(path)
        if loses and self.instead:
            self.instead()
            return None
        with httpx.Client(trust_env=False, timeout=10) as client:
            answer = client.request(method, f"{self.url}{path}", content=body, headers=headers)
        return None if loses else answer


@contextmanager
def losing(url: str, method: str, *, instead: Callable[[], object] | None = None) -> Iterator[str]:
    """Give the address of a proxy before `url` that loses the first answer to a `method`.

    With `instead`, the request does not reach Vault, and that is done in its place.
    """
    loss = _Loss(url, method, instead)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(loss)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
    assert loss.lost, f"no {method} came"


def _handler(loss: _Loss) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: self.headers[name] for name in _PASSED if name in self.headers}
            answer = loss.answer(self.command, self.path, headers, body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def do_GET(self) -> None:
            self._pass()

        def do_POST(self) -> None:
            self._pass()

        def do_PATCH(self) -> None:
            self._pass()

        def log_message(self, *args: object) -> None:
            del args

    return Handler
