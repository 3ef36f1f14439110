"""The unsealer waits for Vault, gives its key once, and says why it could not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scripts.ops.local.boot.unseal import unseal


class FakeVault(BaseHTTPRequestHandler):
    """Sealed until it is given the right key."""

    initialized = True
    sealed = True
    given = ""

    def do_GET(self) -> None:
        self._answer({"initialized": type(self).initialized, "sealed": type(self).sealed})

    def do_PUT(self) -> None:
        type(self).given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["key"]
        type(self).sealed = type(self).given != "right"
        self._answer({})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: dict[str, bool]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def vault() -> Iterator[tuple[str, type[FakeVault]]]:
    handler = type("Handler", (FakeVault,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def keys(folder: Path, key: str) -> Path:
    path = folder / "vault-init.json"
    path.write_text(json.dumps({"keys_base64": [key]}))
    return path


def test_a_sealed_vault_is_given_its_key(vault: tuple[str, type[FakeVault]], tmp_path: Path) -> None:
    assert unseal(vault[0], keys(tmp_path, "right"), deadline_s=5) == ""
    assert not vault[1].sealed


def test_a_new_vault_is_left_to_berth_up(vault: tuple[str, type[FakeVault]], tmp_path: Path) -> None:
    vault[1].initialized = False
    assert unseal(vault[0], tmp_path / "missing", deadline_s=5) == ""
    assert vault[1].given == ""


def test_a_missing_key_file_is_said(vault: tuple[str, type[FakeVault]], tmp_path: Path) -> None:
    assert "not unsealed within 0 s: FileNotFoundError" in unseal(vault[0], tmp_path / "missing", deadline_s=0.2)


def test_nobody_there_is_said(tmp_path: Path) -> None:
    assert "Connection refused" in unseal("http://127.0.0.1:9", keys(tmp_path, "right"), deadline_s=0.2)
