"""The page's server: streams through, follows the peers file, moves on from a dead peer, hangs up with its client."""

import json
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.nomad_jobs.apps.chat.conftest import Page, running_page
from tests.support.apps import App, eventually, running_engine, sse

ASK = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def dead_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def say(page: Page) -> str:
    with page.app.client() as client, client.stream("POST", "/api/chat", json=ASK) as response:
        assert response.status_code == 200
        chunks = [chunk for chunk in sse(response.iter_lines()) if chunk["choices"]]
    return "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks)


def running_requests(engine: App) -> float:
    with engine.client() as client:
        found = re.search(r"^vllm:num_requests_running{.*} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    assert found
    return float(found[1])


def test_an_answer_streams_through_with_the_models_key(page: Page) -> None:
    assert say(page).startswith("This is Berth's engine simulator, answering as scout")
    with page.app.client() as client, client.stream("POST", "/api/chat", json=ASK) as response:
        assert response.headers["x-accel-buffering"] == "no"
        *_, usage = sse(response.iter_lines())
        assert usage["usage"]["completion_tokens"] > 20
    assert "k-chat" not in json.dumps(page.app.events)


def test_without_peers_it_is_503_with_a_friendly_sentence_until_the_file_names_one(tmp_path: Path, engine: App) -> None:
    with running_page(tmp_path, key="first-key") as page, page.app.client() as client:
        refused = client.post("/api/chat", json=ASK)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        message = "No instance of the model is ready. Please try again in a moment."
        assert refused.json()["error"]["message"] == message
        assert client.get("/api/model").json() == {
            "model": "scout",
            "ready": False,
            "simulated": False,
            "reason": message,
        }
        assert client.get("/health").json() == {"status": "ok", "peers": 0}
        page.know(engine.port)
        assert say(page)
        page.know()
        assert client.post("/api/chat", json=ASK).status_code == 503


def test_the_model_card_is_passed_on(quick_page: Page) -> None:
    with quick_page.app.client() as client:
        card = client.get("/api/model").json()
    assert (card["model"], card["ready"], card["simulated"], card["hardware"]) == ("scout", True, True, "8x H200")


def test_a_peer_that_cannot_be_reached_is_passed_over(tmp_path: Path, engine: App, dead_port: int) -> None:
    with running_page(tmp_path, dead_port, engine.port, key="first-key") as page:
        assert all(say(page) for _ in range(4))
        assert page.app.wait_for("peer-failed")[0]["reason"] == "ConnectError"
        page.know(dead_port)
        with page.app.client() as client:
            refused = client.post("/api/chat", json=ASK)
    assert refused.status_code == 503
    assert "busy or just being replaced" in refused.json()["error"]["message"]


def test_a_peer_that_is_stopping_is_passed_over_while_its_stream_is_finished(
    tmp_path: Path, real_time_engine: App
) -> None:
    with running_page(tmp_path, real_time_engine.port) as page, page.app.client() as client:
        with client.stream("POST", "/api/chat", json=ASK) as response:
            next(lines := response.iter_lines())
            real_time_engine.process.send_signal(signal.SIGTERM)
            real_time_engine.wait_for("stopping")
            page.know(real_time_engine.port)
            assert client.post("/api/chat", json=ASK).status_code == 503
            assert page.app.wait_for("peer-busy")[0]["status"] == 503
            chunks = list(sse(lines))
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_an_engine_that_dies_halfway_is_said_in_the_stream(page: Page, real_time_engine: App) -> None:
    with page.app.client() as client, client.stream("POST", "/api/chat", json=ASK) as response:
        next(lines := response.iter_lines())
        real_time_engine.process.kill()
        last = [line for line in lines if line][-1]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert error["message"] == "The answer was cut off: its instance went away."


def test_a_browser_that_leaves_frees_the_engines_slot(page: Page, real_time_engine: App) -> None:
    with page.app.client() as client, client.stream("POST", "/api/chat", json=ASK) as response:
        next(lines := response.iter_lines())
        assert running_requests(real_time_engine) == 1
        del lines
    eventually(lambda: running_requests(real_time_engine) == 0)
    assert real_time_engine.wait_for("generated")[0]["finish_reason"] == "abort"


def test_requests_spread_over_the_peers(tmp_path: Path, engine: App) -> None:
    (tmp_path / "second").mkdir()
    with (
        running_engine(tmp_path / "second", keys=("first-key",)) as second,
        running_page(tmp_path, engine.port, second.port, key="first-key") as page,
    ):
        for _ in range(4):
            say(page)
        assert len(second.wait_for("generated", 2)) == 2


def test_a_key_the_model_refuses_is_our_fault_and_not_the_visitors(tmp_path: Path, engine: App) -> None:
    with running_page(tmp_path, engine.port, key="wrong") as page, page.app.client() as client:
        refused = client.post("/api/chat", json=ASK)
    assert refused.status_code == 502
    assert refused.json()["error"]["message"] == "The model refused this page's request (401)."


def test_a_conversation_that_is_too_long_keeps_the_models_words(quick_page: Page) -> None:
    long = {"messages": [{"role": "user", "content": "word " * 9000}]}
    with quick_page.app.client() as client:
        refused = client.post("/api/chat", json=long)
    assert refused.status_code == 400
    assert "maximum context length is 8448 tokens" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "messages", [None, [], [{}], [{"role": "tool", "content": "x"}], [{"role": "user", "content": " "}], [1], "hi"]
)
def test_what_is_no_conversation_is_400(quick_page: Page, messages: object) -> None:
    with quick_page.app.client() as client:
        assert client.post("/api/chat", json={"messages": messages}).status_code == 400


def test_the_page_and_its_files_come_from_here_and_nothing_else_may(quick_page: Page) -> None:
    with quick_page.app.client() as client:
        shown = client.get("/")
        assert "default-src 'none'; script-src 'self'" in shown.headers["content-security-policy"]
        files = re.findall(r'(?:src|href)="(static/[^"]+)"', shown.text)
        assert len(files) >= 3
        assert all(client.get(f"/{file}").status_code == 200 for file in files)
        assert "http" not in re.sub(r"<!doctype html>", "", shown.text, flags=re.IGNORECASE)
        assert client.get("/static/../server.py").status_code == 404


def test_a_stream_is_finished_before_the_page_stops(page: Page) -> None:
    with page.app.client() as client, client.stream("POST", "/api/chat", json=ASK) as response:
        next(lines := response.iter_lines())
        page.app.process.send_signal(signal.SIGTERM)
        assert list(sse(lines))[-1]["usage"]["completion_tokens"] > 20
    assert page.app.process.wait(10) == 0
