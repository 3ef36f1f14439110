"""SIGTERM: what runs is finished, what is new is refused, and no stop takes longer than it was given."""

import json
import signal
import time
from pathlib import Path

import httpx

from tests.support.apps import running_engine, sse

STREAM = {"prompt": "x", "max_tokens": 100, "stream": True}  # 0.1 s and 100 times 7.5 ms at published speed


def test_a_running_stream_is_finished_and_a_new_request_refused(tmp_path: Path) -> None:
    with running_engine(tmp_path, "--shutdown-timeout", "20", time_scale=1) as engine, engine.client() as api:
        with api.stream("POST", "/v1/completions", json=STREAM) as response:
            lines = response.iter_lines()
            first = json.loads(next(lines).removeprefix("data: "))
            engine.process.send_signal(signal.SIGTERM)
            engine.wait_for("stopping")
            with engine.client() as other:
                refused = other.post("/v1/completions", json=STREAM)
                assert other.get("/health").status_code == 200  # as vLLM: it drains and is healthy
            chunks = [first, *sse(lines)]
        assert engine.process.wait(10) == 0
    assert len(chunks) == 100
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["message"] == "This instance is stopping."


def test_a_request_in_the_queue_is_finished_too(tmp_path: Path) -> None:
    limits = ("--shutdown-timeout", "20", "--max-num-seqs", "1")
    with running_engine(tmp_path, *limits, time_scale=1) as engine, engine.client() as api:
        with api.stream("POST", "/v1/completions", json=STREAM) as first, engine.client() as other:
            next(lines := first.iter_lines())
            with other.stream("POST", "/v1/completions", json=STREAM) as second:
                engine.process.send_signal(signal.SIGTERM)
                assert len(list(sse(lines))) == 99
                assert len(list(sse(second.iter_lines()))) == 100
        assert engine.process.wait(10) == 0


def test_a_stream_longer_than_the_timeout_is_cut(tmp_path: Path) -> None:
    with running_engine(tmp_path, "--shutdown-timeout", "1", time_scale=1) as engine, engine.client() as api:
        with api.stream("POST", "/v1/completions", json={**STREAM, "max_tokens": 8000}) as response:
            next(lines := response.iter_lines())
            start = time.monotonic()
            engine.process.send_signal(signal.SIGTERM)
            cut = False
            try:
                cut = "data: [DONE]" not in list(lines)
            except httpx.RemoteProtocolError:
                cut = True
        assert cut
        assert engine.process.wait(10) == 0
        assert 1 <= time.monotonic() - start < 5
        assert engine.events[-1]["event"] == "stopped"


def test_an_idle_engine_stops_at_once(tmp_path: Path) -> None:
    with running_engine(tmp_path, "--shutdown-timeout", "60") as engine, engine.client() as api:
        api.get("/health")
        start = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - start < 5
