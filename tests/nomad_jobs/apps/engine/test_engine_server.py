"""The running engine over HTTP: streams, keys, errors, metrics, and slots that come free."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.apps import SCOUT, App, eventually, running_engine, sse

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


def body(**more: Any) -> dict[str, Any]:
    return {"model": "scout", "messages": [{"role": "user", "content": "Hello"}], "seed": 1, **more}


def stream(api: httpx.Client, path: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    with api.stream("POST", path, json={**request, "stream": True}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(sse(response.iter_lines()))


def test_a_chat_stream_begins_with_the_role_and_ends_with_a_reason_and_the_usage(api: httpx.Client) -> None:
    chunks = stream(api, CHAT, body(max_tokens=5, stream_options={"include_usage": True}))
    assert [chunk["object"] for chunk in chunks] == ["chat.completion.chunk"] * 7
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks[1:6]) == "This is Berth's"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:6]] == [None] * 5 + ["length"]
    assert chunks[6]["choices"] == []
    assert chunks[6]["usage"] == {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_streamed_or_whole_the_same_seed_says_the_same(api: httpx.Client) -> None:
    whole = api.post(CHAT, json=body()).json()
    streamed = stream(api, CHAT, body())
    assert whole["choices"][0]["message"]["content"] == "".join(
        chunk["choices"][0]["delta"]["content"] for chunk in streamed
    )
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] == len(streamed) - 1


def test_a_completion_stream_has_text_and_runs_to_its_limit(api: httpx.Client) -> None:
    chunks = stream(api, COMPLETIONS, {"model": "scout", "prompt": "x", "max_tokens": 300})
    assert len(chunks) == 300
    assert chunks[0]["object"] == "text_completion"
    assert chunks[0]["choices"][0]["text"] == "This"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_ignore_eos_makes_a_chat_run_to_its_limit_too(api: httpx.Client) -> None:
    answer = api.post(CHAT, json=body(max_tokens=600, ignore_eos=True)).json()
    assert answer["usage"]["completion_tokens"] == 600


def test_a_stop_string_ends_the_text_before_it(api: httpx.Client) -> None:
    answer = api.post(COMPLETIONS, json={"prompt": "x", "max_tokens": 50, "stop": "engine"}).json()
    assert answer["choices"][0]["text"] == "This is Berth's "
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("key", ["first-key", "second-key"])
def test_each_of_the_keys_opens(engine: App, key: str) -> None:
    with engine.client(key) as client:
        assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer first-ke", "Basic first-key", "Bearer first-key2"])
def test_without_a_key_v1_is_closed_in_vllms_words(engine: App, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    with engine.client() as client:
        for method, path in (("GET", "/v1/models"), ("POST", CHAT), ("POST", COMPLETIONS)):
            response = client.request(method, path, headers=headers)
            assert response.status_code == 401
            assert response.json() == {"error": "Unauthorized"}


@pytest.mark.parametrize("path", ["/health", "/metrics", "/"])
def test_checks_metrics_and_the_page_need_no_key(engine: App, path: str) -> None:
    with engine.client() as client:
        assert client.get(path).status_code == 200


def test_the_model_card_and_the_page_say_what_is_simulated_and_by_whose_numbers(api: httpx.Client) -> None:
    card = api.get("/v1/models").json()["data"][0]
    assert (card["id"], card["root"], card["max_model_len"], card["simulated"]) == ("scout", SCOUT, 8448, True)
    assert card["simulation"]["source"] == "Benchmarking big OSS LLMs on a 16x H200 cluster, 27 Apr 2026"
    assert card["simulation"]["profiles"]["latency-1024x256-c1"] == {"ttft_ms": 103.83, "tpot_ms": 7.51}
    page = api.get("/").text
    assert "no model is loaded" in page
    assert "Benchmarking big OSS LLMs" in page
    assert "103.83 ms" in page


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 400, "must be a JSON object"),
        (b'{"temperature": NaN}', 400, "not valid JSON"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (json.dumps(body(model="gpt-9")).encode(), 404, "The model `gpt-9` does not exist."),
        (json.dumps(body(max_tokens=9000)).encode(), 400, "maximum context length is 8448"),
        (json.dumps(body(n=2)).encode(), 400, "does not support `n`"),
        (rb'{"model": "\ud800"}', 404, "does not exist"),
    ],
)
def test_errors_have_openais_shape(api: httpx.Client, content: bytes, status: int, says: str) -> None:
    response = api.post(CHAT, content=content, headers={"Content-Type": "application/json; charset=utf-8"})
    assert response.status_code == status
    assert says in response.json()["error"]["message"]
    assert response.json()["error"]["code"] == status


def test_unknown_paths_and_methods_have_vllms_shape(api: httpx.Client) -> None:
    assert (api.get("/v1/nothing").status_code, api.get("/v1/nothing").json()) == (404, {"detail": "Not Found"})
    wrong = api.get(CHAT)
    assert (wrong.status_code, wrong.headers["allow"], wrong.json()) == (405, "POST", {"detail": "Method Not Allowed"})


@pytest.mark.parametrize("media_type", [None, "text/plain"])
def test_a_body_must_say_that_it_is_json(api: httpx.Client, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    refused = api.post(CHAT, content=json.dumps(body()), headers=headers)
    assert refused.status_code == 400
    assert "Only 'application/json' is allowed" in refused.json()["error"]["message"]


def test_no_key_is_in_the_log_or_the_arguments(engine: App, api: httpx.Client) -> None:
    api.get("/v1/models", params={"key": "first-key"})
    engine.wait_for("request")
    assert "-key" not in json.dumps(engine.events)
    assert isinstance(engine.process.args, list)
    assert not any("-key" in str(part) for part in engine.process.args)


def metric(api: httpx.Client, name: str, **labels: str) -> float:
    found = re.findall(rf"^{re.escape(name)}{{(.*)}} (\S+)$", api.get("/metrics").text, re.MULTILINE)
    return sum(
        float(value) for given, value in found if all(f'{key}="{want}"' in given for key, want in labels.items())
    )


NAMES = (
    "num_requests_running num_requests_waiting kv_cache_usage_perc prompt_tokens_total generation_tokens_total"
    " request_success_total time_to_first_token_seconds_bucket inter_token_latency_seconds_bucket"
    " request_time_per_output_token_seconds_bucket e2e_request_latency_seconds_bucket"
    " request_queue_time_seconds_bucket request_prefill_time_seconds_bucket request_decode_time_seconds_bucket"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_metrics_carry_vllms_names_and_labels(api: httpx.Client, name: str) -> None:
    assert re.search(rf'^vllm:{name}{{.*engine="0".*model_name="scout".*}} ', api.get("/metrics").text, re.MULTILINE)


def test_metrics_count_tokens_and_reasons(tmp_path: Path) -> None:
    with running_engine(tmp_path) as engine, engine.client() as api:
        api.post(COMPLETIONS, json={"prompt": [1] * 40, "max_tokens": 7})
        api.post(CHAT, json=body())
        assert metric(api, "vllm:request_success_total", finished_reason="length") == 1
        assert metric(api, "vllm:request_success_total", finished_reason="stop") == 1
        assert metric(api, "vllm:prompt_tokens_total") == 40 + 5
        tokens = metric(api, "vllm:generation_tokens_total")
        assert metric(api, "vllm:inter_token_latency_seconds_count") == tokens - 2
        assert metric(api, "vllm:time_to_first_token_seconds_count") == 2


def test_requests_beyond_the_limit_wait_and_a_client_that_leaves_frees_its_slot(tmp_path: Path) -> None:
    endless = {"prompt": "x", "max_tokens": 8000, "stream": True}
    with running_engine(tmp_path, "--max-num-seqs", "1", time_scale=1) as engine, engine.client() as api:
        with api.stream("POST", COMPLETIONS, json=endless) as first:
            next(held := first.iter_lines())
            with engine.client() as other, other.stream("POST", COMPLETIONS, json=endless):
                eventually(lambda: metric(api, "vllm:num_requests_waiting") == 1)
                assert metric(api, "vllm:num_requests_running") == 1
                assert 0 < metric(api, "vllm:kv_cache_usage_perc") < 1
            eventually(lambda: metric(api, "vllm:num_requests_waiting") == 0)
            next(held)
        eventually(lambda: metric(api, "vllm:num_requests_running") == 0)
        assert metric(api, "vllm:request_success_total", finished_reason="abort") == 2


def test_a_client_that_hangs_up_on_a_whole_answer_frees_its_slot_too(tmp_path: Path) -> None:
    with running_engine(tmp_path, time_scale=1) as engine, engine.client() as api:
        with pytest.raises(httpx.ReadTimeout):
            api.post(COMPLETIONS, json={"prompt": "x", "max_tokens": 8000}, timeout=0.3)
        eventually(lambda: metric(api, "vllm:num_requests_running") == 0)
        assert metric(api, "vllm:request_success_total", finished_reason="abort") == 1
