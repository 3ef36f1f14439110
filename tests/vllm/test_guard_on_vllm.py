"""The guard on the real engine: what nobody may do without a key, what a key may, and what its log never holds."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.apps import status_of
from tests.vllm.engine import KEYS, NAME, Engine, Task

COMPLETION: dict[str, Any] = {"model": NAME, "prompt": "hi", "max_tokens": 1}
CHAT = {"model": NAME, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
POSTS: dict[str, dict[str, Any]] = {
    "/v1/completions": COMPLETION,
    "/v1/chat/completions": CHAT,
    "/v1/responses": {"model": NAME, "input": "hi", "max_output_tokens": 1},
    "/v1/messages": CHAT,
    "/invocations": COMPLETION,
    "/inference/v1/generate": {"token_ids": [74, 75], "sampling_params": {"max_tokens": 1}},
    "/tokenize": {"model": NAME, "prompt": "hi"},
    "/detokenize": {"model": NAME, "tokens": [74, 75]},
    "/scale_elastic_ep": {"new_data_parallel_size": 2},
    "/ping": {},
    "/v1/chat/completions/render": CHAT,
    "/v2/embed": COMPLETION,
}
GETS = ("/", "/v1/models", "/docs", "/redoc", "/openapi.json", "/version", "/load", "/is_scaling_elastic_ep")
TRICKS = ("//health", "/health/", "/health/../invocations", "//health/../invocations", "/health/..;/x", "/metrics/x")


@pytest.fixture
def nobody(engine: Engine) -> Iterator[httpx.Client]:
    with engine.client() as client:
        yield client


@pytest.fixture
def friend(engine: Engine) -> Iterator[httpx.Client]:
    with engine.client(KEYS[1]) as client:
        yield client


def is_refused(response: httpx.Response) -> bool:
    return (response.status_code, response.content) == (401, b'{"error":"Unauthorized"}')


def test_checks_and_metrics_answer_without_a_key(nobody: httpx.Client) -> None:
    assert [nobody.get(path).status_code for path in ("/health", "/ping", "/metrics")] == [200, 200, 200]
    assert "vllm:num_requests_running" in nobody.get("/metrics").text


def test_nothing_else_does(engine: Engine, nobody: httpx.Client) -> None:
    with engine.client("kept-key-thre") as stranger:
        for client in (nobody, stranger):
            assert [path for path, body in POSTS.items() if not is_refused(client.post(path, json=body))] == []
            assert [path for path in GETS if not is_refused(client.get(path))] == []


def test_no_trick_with_a_path_or_a_method_does(engine: Engine, nobody: httpx.Client) -> None:
    for path in TRICKS:
        assert status_of(engine.port, "POST", path, COMPLETION) == 401, path
    preflight = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    assert is_refused(nobody.options("/v1/completions", headers=preflight))
    assert nobody.head("/v1/models").status_code == 401


def test_no_websocket_opens_without_a_key(engine: Engine) -> None:
    lines = ("GET /v1/realtime HTTP/1.1", "Host: engine", "Upgrade: websocket", "Connection: Upgrade")
    keys = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    with socket.create_connection(("127.0.0.1", engine.port)) as asking:
        asking.sendall("\r\n".join([*lines, *keys, "", ""]).encode())
        assert asking.recv(100).startswith(b"HTTP/1.1 403 Forbidden")


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions", "/invocations"])
def test_a_key_generates_a_token(friend: httpx.Client, path: str) -> None:
    answer = friend.post(path, json=POSTS[path])
    assert answer.status_code == 200
    assert answer.json()["usage"]["completion_tokens"] == 1


def test_a_key_opens_the_paths_of_token_ids(friend: httpx.Client, version: str) -> None:
    assert friend.post("/tokenize", json=POSTS["/tokenize"]).json()["count"] == 2
    assert friend.post("/detokenize", json=POSTS["/detokenize"]).status_code == 200
    answer = friend.post("/inference/v1/generate", json=POSTS["/inference/v1/generate"])
    if version == "0.19.1":
        assert len(answer.json()["choices"][0]["token_ids"]) == 1
    else:
        assert "Restart vllm serve with --enable-scale-out" in answer.text


def test_a_key_streams_to_the_end(friend: httpx.Client) -> None:
    asked = {**COMPLETION, "max_tokens": 20, "ignore_eos": True, "stream": True}
    with friend.stream("POST", "/v1/completions", json=asked) as response:
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 5


def test_the_probe_passes(engine: Engine, task: Task) -> None:
    probe = task.folder / "local" / "probe.py"
    argv = [sys.executable, "-I", str(probe), engine.url, NAME, str(task.keys_file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.startswith(f"{NAME} gave a token in ")) == (0, True), done.stdout


def test_an_idle_connection_outlives_vllms_own_five_seconds(engine: Engine) -> None:
    with socket.create_connection(("127.0.0.1", engine.port)) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: engine\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        idle.settimeout(7)
        with pytest.raises(TimeoutError):  # had the engine closed it, this would be an empty answer
            idle.recv(1)


def test_changed_keys_count_without_a_restart_and_broken_ones_do_not(engine: Engine, task: Task) -> None:
    def answers() -> list[int]:
        statuses = []
        for key in (KEYS[0], "new-key"):
            with engine.client(key) as client:
                statuses.append(client.get("/v1/models").status_code)
        return statuses

    assert answers() == [200, 401]
    task.give("new-key")
    assert answers() == [401, 200]
    task.give("")
    assert answers() == [401, 200]
    task.give(*KEYS)
    assert answers() == [200, 401]


def test_it_ends_when_told_and_no_key_was_ever_in_its_log(engine: Engine) -> None:
    assert engine.stop() == 0
    log = engine.log.read_text(errors="replace")
    assert len(re.findall(r'"event": "keys-loaded"', log)) == 3
    assert '"event": "keys-kept", ' in log
    assert re.search(r'"POST /invocations HTTP/1.1" 200', log)
    assert [line for line in log.splitlines() if re.search(r"kept-key|new-key", line)] == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), ('{"keys": ["kept-key-one", ""]}', "key 2 is empty")],
    ids=["absent", "empty"],
)
def test_without_good_keys_it_ends_and_never_listens(
    tmp_path_factory: pytest.TempPathFactory, version: str, content: str | None, reason: str
) -> None:
    task = Task(tmp_path_factory.mktemp("keyless"), version)
    task.keys_file.unlink()
    if content is not None:
        task.keys_file.write_text(content)
    with task.running() as engine:
        while engine.process.poll() is None:
            assert not engine.listens()
            try:
                engine.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    assert engine.process.returncode == 1
    log = engine.log.read_text(errors="replace")
    assert f"engine_keys: {task.keys_file}: {reason}\n" in log
    assert "Traceback" not in log
    assert "kept-key" not in log
