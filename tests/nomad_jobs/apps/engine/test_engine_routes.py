"""The routes beside /v1 that vLLM 0.19.1 has: open unless guarded, and with its shapes."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.engine import tokens
from tests.support.apps import App

CHAT = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 3, "seed": 1}


@pytest.fixture
def nobody(engine: App) -> Any:
    with engine.client() as client:
        yield client


def test_vllms_own_keys_leave_them_open(nobody: httpx.Client) -> None:
    assert nobody.post("/v1/completions", json={"prompt": "x"}).status_code == 401
    answer = nobody.post("/invocations", json={"prompt": "x", "max_tokens": 2}).json()
    assert (answer["object"], answer["usage"]["completion_tokens"]) == ("text_completion", 2)
    assert nobody.post("/invocations", json=CHAT).json()["object"] == "chat.completion"


def test_an_invocation_of_neither_shape_is_400(nobody: httpx.Client) -> None:
    refused = nobody.post("/invocations", json={"x": 1})
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("Cannot find suitable handler for request.")


def test_text_goes_to_tokens_and_back(nobody: httpx.Client) -> None:
    text = "Three words, 12 and 模型 \n\t  end"
    found = nobody.post("/tokenize", json={"model": "scout", "prompt": text, "return_token_strs": True}).json()
    assert (found["count"], found["max_model_len"]) == (tokens.count(text), 8448)
    assert "".join(found["token_strs"]) == text
    assert nobody.post("/detokenize", json={"tokens": found["tokens"]}).json() == {"prompt": text}
    assert nobody.post("/tokenize", json={"prompt": "hi"}).json()["token_strs"] is None


def test_a_conversation_has_as_many_tokens_as_its_answer_counts(nobody: httpx.Client) -> None:
    found = nobody.post("/tokenize", json={"messages": CHAT["messages"]}).json()
    assert found["count"] == nobody.post("/invocations", json=CHAT).json()["usage"]["prompt_tokens"]


@given(st.text(max_size=60))
def test_no_text_is_lost_in_its_ids(text: str) -> None:
    assert tokens.from_ids(tokens.ids(text)) == text
    assert len(tokens.ids(text)) == tokens.count(text)


def test_ids_become_ids(nobody: httpx.Client) -> None:
    asked = {"token_ids": [5, 6, 7], "sampling_params": {"max_tokens": 4, "seed": 1}}
    answer = nobody.post("/inference/v1/generate", json=asked).json()
    assert answer.keys() == {"request_id", "choices", "prompt_logprobs", "kv_transfer_params"}
    (choice,) = answer["choices"]
    assert (len(choice["token_ids"]), choice["finish_reason"], choice["logprobs"]) == (4, "length", None)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/inference/v1/generate", {"token_ids": [5]}, "sampling_params"),
        ("/inference/v1/generate", {"sampling_params": {}}, "token_ids"),
        ("/inference/v1/generate", {"token_ids": [5], "sampling_params": {}, "stream": True}, "stream"),
        ("/inference/v1/generate", {"token_ids": [5], "sampling_params": {"n": 2}}, "n"),
        ("/tokenize", {"prompt": 3}, "prompt"),
        ("/detokenize", {"tokens": [0]}, "tokens"),
        ("/detokenize", {"tokens": "x"}, "tokens"),
        ("/tokenize", {"prompt": "x", "model": "gpt-9"}, "model"),
    ],
)
def test_what_cannot_be_names_its_parameter(nobody: httpx.Client, path: str, body: dict[str, Any], param: str) -> None:
    refused = nobody.post(path, json=body)
    assert refused.status_code == (404 if param == "model" else 400)
    assert refused.json()["error"]["param"] == param


def test_ping_version_and_load_answer(nobody: httpx.Client) -> None:
    assert (nobody.get("/ping").content, nobody.post("/ping").status_code) == (b"", 200)
    assert nobody.get("/version").json() == {"version": "0.19.1+simulated"}
    assert nobody.get("/load").json() == {"server_load": 0}
