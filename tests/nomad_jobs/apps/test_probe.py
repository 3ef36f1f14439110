"""The probe: a token is healthy, a refusal for the moment is a warning, all else is critical, and no key is shown."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from nomad_jobs.apps import probe
from tests.support.apps import App, guarded_engine

FILE = Path(probe.__file__)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": ["first-key", "other"]}')
    return path


def run(url: str, keys: Path, *more: str, model: str = "scout") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", FILE, url, model, keys, *more], capture_output=True, text=True, check=False, timeout=30
    )
    assert "-key" not in done.stdout + done.stderr
    return done.returncode, done.stdout.strip() + done.stderr.strip()


def test_a_token_is_healthy(engine: App, keys: Path) -> None:
    code, line = run(engine.url() + "/", keys)
    assert (code, line.startswith("scout gave a token in ")) == (0, True)


def test_a_token_is_healthy_behind_the_guard_with_the_guards_own_file(keys: Path) -> None:
    with guarded_engine(keys) as guarded:
        assert run(guarded.url(), keys)[0] == 0


def test_a_wrong_key_and_a_wrong_model_are_critical(engine: App, keys: Path) -> None:
    assert run(engine.url(), keys, model="gpt-9") == (2, "gpt-9 answered 404 Not Found")
    keys.write_text('{"keys": ["stale-key"]}')
    assert run(engine.url(), keys) == (2, "scout answered 401 Unauthorized")


def test_nobody_there_is_critical(keys: Path) -> None:
    assert run("http://127.0.0.1:9", keys) == (2, "scout gave no answer: Connection refused")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "No such file or directory"),
        ('{"keys": ["broken-key', "no key in it"),
        ("\xff", "no key in it"),
        ("[]", "no key in it"),
        ("{}", "no key in it"),
        ('{"keys": []}', "no key in it"),
        ('{"keys": [" "]}', "no key in it"),
        ('{"keys": [null]}', "no key in it"),
    ],
)
def test_a_file_that_cannot_be_read_is_critical(tmp_path: Path, text: str | None, line: str) -> None:
    keys = tmp_path / "keys.json"
    if text is not None:
        keys.write_text(text, encoding="latin-1")
    assert run("http://127.0.0.1:9", keys) == (2, f"{keys}: {line}")


def test_keys_that_are_no_header_are_not_shown(engine: App, keys: Path) -> None:
    keys.write_text(r'{"keys": ["bad\nline-key"]}')
    assert run(engine.url(), keys) == (2, "scout gave no answer: ValueError")


class Fake(BaseHTTPRequestHandler):
    """Answers what the test wants; a status of 0 answers nothing until the test is over."""

    answer: tuple[int, Any] = (200, {})
    over = Event()

    def do_POST(self) -> None:
        status, body = self.answer
        if not status:
            self.over.wait(20)
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_: Any, **__: Any) -> None:
        """Log nothing."""


@pytest.fixture
def fake() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Fake) as server:
        Fake.over.clear()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Fake.over.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, {}), (1, "scout answered 503 Service Unavailable")),
        ((429, {}), (1, "scout answered 429 Too Many Requests")),
        ((500, {}), (2, "scout answered 500 Internal Server Error")),
        ((200, {"choices": []}), (2, "scout answered without a token")),
        ((200, {"choices": [{}], "usage": {"completion_tokens": 0}}), (2, "scout answered without a token")),
        ((200, []), (2, "scout answered without a token")),
        ((200, b"<html>"), (2, "scout gave no answer: JSONDecodeError")),
    ],
)
def test_refusals_warn_and_everything_else_is_critical(
    fake: str, keys: Path, answer: tuple[int, Any], expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "answer", answer)
    assert run(fake, keys) == expected


def test_silence_ends_at_the_timeout(fake: str, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "answer", (0, None))
    assert run(fake, keys, "--timeout", "0.2") == (2, "scout gave no answer: it took too long")
