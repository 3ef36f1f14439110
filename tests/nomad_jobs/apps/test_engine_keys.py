"""The guard: no path but the checks opens without a key, a file without good keys ends the engine, no key is shown."""

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.apps import GUARD, GUARD_CLASS, SCOUT, App, guard_environment, guarded_engine, status_of

KEYS = ("first-key", "second-key")
Scope = dict[str, Any]


def write(path: Path, content: object) -> None:
    """Write a file as Nomad does: a new file replaces the old one."""
    aside = path.with_suffix(".new")
    aside.write_text(content if isinstance(content, str) else json.dumps(content))
    aside.replace(path)


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    write(path, {"keys": KEYS})
    return path


@pytest.fixture(scope="module")
def guard(keys_file: Path) -> Any:
    """The module, imported as an engine imports it: with the environment that names its file."""
    spec = importlib.util.spec_from_file_location("engine_keys", GUARD)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "ENGINE_KEYS_FILE", str(keys_file))
        spec.loader.exec_module(module)
    return module


def passes(guard: Any, scope: Scope) -> bool:
    """Tell whether the guard passes this on; otherwise it must have refused in vLLM's words."""
    passed = []
    sent = []

    async def app(*_: object) -> None:
        passed.append(True)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(guard.Guard(app)(scope, None, send))
    if scope["type"] == "websocket":
        assert passed or sent == [{"type": "websocket.close", "code": 1008}]
    elif not passed:
        assert [sent[0]["status"], sent[1]["body"]] == [401, b'{"error":"Unauthorized"}']
    return bool(passed)


def request(path: str, *authorization: str, method: str = "GET", kind: str = "http") -> Scope:
    headers = [(b"host", b"x"), *((b"authorization", value.encode()) for value in authorization)]
    return {"type": kind, "method": method, "path": path, "headers": headers}


@pytest.mark.parametrize("path", ["/health", "/ping", "/metrics"])
def test_checks_and_metrics_answer_without_a_key(guard: Any, path: str) -> None:
    assert passes(guard, request(path))
    assert passes(guard, request(path, method="HEAD"))
    for method in ("POST", "PUT", "OPTIONS", "PATCH", "DELETE", "get"):
        assert not passes(guard, request(path, method=method))
    assert not passes(guard, request(path, kind="websocket"))


CLOSED_PATHS = """
/ /v1/models /v1/completions /v2/embed /invocations /inference/v1/generate /tokenize /detokenize /docs /openapi.json
/version /load /scale_elastic_ep //health /health/ /health/x /health/../invocations /health/..;/x
//health/../invocations /HEALTH /health%00 /metrics/ /metrics/x /pings /ping?x
"""
CLOSED = CLOSED_PATHS.split()


@pytest.mark.parametrize("path", CLOSED)
def test_everything_else_needs_a_key_whatever_the_method(guard: Any, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE", "CONNECT", ""):
        assert not passes(guard, request(path, method=method))
    assert not passes(guard, request(path, kind="websocket"))
    assert all(passes(guard, request(path, f"Bearer {key}")) for key in KEYS)
    assert passes(guard, request(path, "bearer  first-key ", kind="websocket"))


@given(st.text(max_size=40), st.sampled_from(["http", "websocket", "later"]))
def test_no_other_path_opens_without_a_key(guard: Any, path: str, kind: str) -> None:
    assert passes(guard, request(path, kind=kind)) == (kind == "http" and path in ("/health", "/ping", "/metrics"))


WRONG = ("", "Bearer", "Bearer ", "first-key", "Basic first-key", "Bearer first-ke", "Bearer first-keyy", "Bearer é")


@pytest.mark.parametrize("header", WRONG)
def test_a_header_without_a_good_key_is_refused(guard: Any, header: str) -> None:
    assert not passes(guard, request("/v1/models", header))


def test_two_keys_in_one_request_are_none(guard: Any) -> None:
    assert not passes(guard, request("/v1/models", "Bearer first-key", "Bearer first-key"))


def test_the_engines_own_start_and_end_pass(guard: Any) -> None:
    assert passes(guard, {"type": "lifespan"})


BAD: dict[str, tuple[object, str]] = {
    "gone": (None, "No such file or directory"),
    "empty": ("", "not JSON"),
    "half": ('{"keys": ["broken-key', "not JSON"),
    "no UTF-8": (b'{"keys": ["\xff-key"]}', "not JSON"),
    "too deep": ("[" * 100_000, "not JSON"),
    "list": (["a-key"], 'expected {"keys": ["…"]} with at least one key'),
    "other name": ({"key": "a-key"}, 'expected {"keys": ["…"]} with at least one key'),
    "no list": ({"keys": "a-key"}, 'expected {"keys": ["…"]} with at least one key'),
    "none": ({"keys": []}, 'expected {"keys": ["…"]} with at least one key'),
    "empty key": ({"keys": ["a-key", ""]}, "key 2 is empty"),
    "blank key": ({"keys": [" \n", "a-key"]}, "key 1 is empty"),
    "null": ({"keys": ["a-key", None]}, "key 2 is no text"),
    "null as text": ({"keys": ["null"]}, "key 1 is empty"),
    "no value": ({"keys": ["<no value>"]}, "key 1 is empty"),
    "number": ({"keys": [12]}, "key 1 is no text"),
    "half a character": ({"keys": ["\ud800"]}, "key 1 is no Unicode text"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_an_engine_without_good_keys_ends_with_one_line_and_never_listens(
    tmp_path: Path, content: object, reason: str
) -> None:
    file = tmp_path / "keys.json"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        write(file, content)
    done = start(guard_environment(file))
    assert done.returncode == 1
    assert done.stderr == f"engine_keys: {file}: {reason}\n"
    assert "listening" not in done.stdout
    assert "-key" not in done.stdout


def test_an_engine_that_is_not_told_its_file_ends_too() -> None:
    done = start({"PYTHONPATH": str(GUARD.parent)})
    assert (done.returncode, done.stderr) == (1, "engine_keys: ENGINE_KEYS_FILE: No such file or directory\n")


def start(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "nomad_jobs.apps.engine", SCOUT, "--port", "0", "--middleware", GUARD_CLASS]
    env = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **env}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="module")
def engine(keys_file: Path) -> Iterator[App]:
    with guarded_engine(keys_file) as app:
        yield app


COMPLETION = {"model": "scout", "prompt": "x", "max_tokens": 2}
POSTS: dict[str, dict[str, Any]] = {
    "/v1/completions": COMPLETION,
    "/invocations": COMPLETION,
    "/tokenize": {"prompt": "Hello there"},
    "/detokenize": {"tokens": []},
    "/inference/v1/generate": {"token_ids": [1, 2], "sampling_params": {"max_tokens": 2}},
}


@pytest.mark.parametrize("path", POSTS)
def test_behind_the_guard_the_simulator_answers_to_a_key_alone(engine: App, path: str) -> None:
    with engine.client() as open_, engine.client("second-key") as keyed:
        refused = open_.post(path, json=POSTS[path])
        assert (refused.status_code, refused.content) == (401, b'{"error":"Unauthorized"}')
        assert refused.headers["www-authenticate"] == "Bearer"
        assert keyed.post(path, json=POSTS[path]).status_code == 200


def test_tricks_in_a_path_open_nothing(engine: App) -> None:
    for path in (*CLOSED, "/health/%2e%2e/invocations", "/%2fhealth", "/health%2f", "/metrics/../invocations"):
        assert status_of(engine.port, "POST", path, COMPLETION) == 401, path


def test_a_preflight_and_a_head_are_refused_and_a_head_has_no_body(engine: App) -> None:
    with engine.client() as client:
        asks = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
        refused = client.options("/v1/chat/completions", headers=asks)
        assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (401, False)
        assert (client.head("/v1/models").status_code, client.head("/v1/models").content) == (401, b"")
        assert client.get("/health").status_code == 200


def test_a_changed_file_counts_without_a_restart_and_a_broken_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    write(file, {"keys": ["old-key"]})
    with guarded_engine(file) as engine, engine.client("old-key") as old, engine.client("new-key") as new:
        assert [old.get("/v1/models").status_code, new.get("/v1/models").status_code] == [200, 401]
        write(file, {"keys": ["new-key", "newer-key"]})
        assert [old.get("/v1/models").status_code, new.get("/v1/models").status_code] == [401, 200]
        write(file, {"keys": ["new-key", ""]})
        assert [old.get("/v1/models").status_code, new.get("/v1/models").status_code] == [401, 200]
        file.unlink()
        assert [old.get("/v1/models").status_code, new.get("/v1/models").status_code] == [401, 200]
        reasons = [line["reason"] for line in engine.wait_for("keys-kept", 2)]
        assert reasons == ["key 2 is empty", "No such file or directory"]
        assert [line["keys"] for line in engine.wait_for("keys-loaded", 2)] == [1, 2]
        assert "-key" not in json.dumps(engine.events)
