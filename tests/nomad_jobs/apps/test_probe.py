"""The probe: a token is healthy, a refusal for the moment is a warning, all else is critical, and no key is shown."""

import ast
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
from tests.support.apps import App

FILE = Path(probe.__file__)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "engine.yaml"
    path.write_text('model: some/model\napi-key: ["first-key", "other"]\nmax-num-seqs: 4\n')
    return path


def run(url: str, config: Path, *more: str, model: str = "scout") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", FILE, url, model, config, *more], capture_output=True, text=True, check=False, timeout=30
    )
    assert "-key" not in done.stdout.replace("api-key", "") + done.stderr
    return done.returncode, done.stdout.strip() + done.stderr.strip()


def test_a_token_is_healthy(engine: App, config: Path) -> None:
    code, line = run(engine.url() + "/", config)
    assert (code, line.startswith("scout gave a token in ")) == (0, True)


def test_a_wrong_key_and_a_wrong_model_are_critical(engine: App, config: Path) -> None:
    assert run(engine.url(), config, model="gpt-9") == (2, "gpt-9 answered 404 Not Found")
    config.write_text('api-key: ["stale-key"]\n')
    assert run(engine.url(), config) == (2, "scout answered 401 Unauthorized")


def test_nobody_there_is_critical(config: Path) -> None:
    assert run("http://127.0.0.1:9", config) == (2, "scout gave no answer: Connection refused")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "No such file or directory"),
        ("api-key: [broken-key", "api-key is not a list of JSON strings on one line"),
        ("api-key: []", "api-key is not a list of JSON strings on one line"),
        ('api-key: [""]', "api-key is not a list of JSON strings on one line"),
    ],
)
def test_a_config_that_cannot_be_read_is_critical(tmp_path: Path, text: str | None, line: str) -> None:
    config = tmp_path / "engine.yaml"
    if text is not None:
        config.write_text(text)
    assert run("http://127.0.0.1:9", config) == (2, f"{config}: {line}")


def test_keys_that_are_no_header_are_not_shown(engine: App, config: Path) -> None:
    config.write_text(r'api-key: ["bad\nline-key"]')
    assert run(engine.url(), config) == (2, "scout gave no answer: ValueError")


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ('api-key: ["a", "b"]', "a"),
        ('x: 1\napi-key:   ["a b\\u00e9\\""]  \ny: 2', 'a bé"'),
        ('api-key: "only"', "only"),
        ("model: m", None),
        ('not-api-key: ["a"]', None),
    ],
)
def test_the_first_key_is_read_without_a_yaml_parser(config: str, key: str | None) -> None:
    assert probe.api_key(config) == key


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

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


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
    fake: str, config: Path, answer: tuple[int, Any], expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "answer", answer)
    assert run(fake, config) == expected


def test_silence_ends_at_the_timeout(fake: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "answer", (0, None))
    assert run(fake, config, "--timeout", "0.2") == (2, "scout gave no answer: it took too long")


def test_it_stands_alone_and_passes_through_every_template_language() -> None:
    source = FILE.read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert not any(mark in source for mark in ("{{", "}}", "[[", "[%", "[#", "${", "%{"))
