"""Request bodies: what vLLM takes is taken, what the simulator lacks is a clear 400, and nothing crashes it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.engine.protocol import Generation, Kind, parse
from nomad_jobs.apps.serving.answers import ApiError

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def chat(**body: Any) -> Generation:
    return parse({**HELLO, **body}, Kind.CHAT, served="scout", max_model_len=100)


def complete(**body: Any) -> Generation:
    return parse({"prompt": "Hello", **body}, Kind.COMPLETION, served="scout", max_model_len=100)


def test_a_completion_has_sixteen_tokens_by_default_and_a_chat_all_the_room() -> None:
    assert complete().max_tokens == 16
    assert chat().max_tokens == 100 - chat().prompt_tokens


def test_a_list_of_token_ids_counts_exactly() -> None:
    assert complete(prompt=[7] * 50).prompt_tokens == 50


def test_text_parts_and_newer_names_are_read() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]
    assert chat(messages=parts).message == "Hello"
    assert chat(max_completion_tokens=3, max_tokens=5).max_tokens == 3


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_tokens": 100}, "input_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"n": 2}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"echo": True}, "echo"),
        ({"logprobs": 3}, "logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_cannot_be_is_400_and_names_the_parameter(body: dict[str, Any], param: str) -> None:
    for request in (chat, complete):
        with pytest.raises(ApiError) as caught:
            request(**body)
        assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, "a"], [-1], [True], [[]], {"a": 1}])
def test_a_prompt_is_one_text_or_one_list_of_ids(prompt: object) -> None:
    with pytest.raises(ApiError, match="one text or one list"):
        complete(prompt=prompt)


@pytest.mark.parametrize(
    "messages", [None, [], "hi", [1], [{}], [{"role": "user", "content": [{"type": "image_url"}]}]]
)
def test_messages_are_a_list_of_texts_with_roles(messages: object) -> None:
    with pytest.raises(ApiError):
        chat(messages=messages)


def test_an_overlong_request_is_told_its_numbers_as_vllm_does() -> None:
    with pytest.raises(ApiError) as caught:
        complete(prompt=[1] * 90, max_tokens=20)
    assert "maximum context length is 100 tokens" in caught.value.message
    assert "requested 20 output tokens and your prompt contains 90 input tokens" in caught.value.message


def test_another_model_is_404() -> None:
    with pytest.raises(ApiError) as caught:
        chat(model="gpt-9")
    assert caught.value.body == {
        "error": {
            "message": "The model `gpt-9` does not exist.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        }
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["model", "prompt", "messages", "max_tokens", "temperature", "seed", "stop", "stream", "n", "echo"]
)


@given(st.dictionaries(names | st.text(max_size=8), json_values, max_size=6), st.sampled_from(Kind))
def test_any_json_object_is_a_request_or_a_4xx(body: dict[str, Any], kind: Kind) -> None:
    try:
        request = parse(body, kind, served="scout", max_model_len=100)
    except ApiError as error:
        status = error.status
    else:
        status = 200
        assert request.prompt_tokens + request.max_tokens <= 100
    assert status in (200, 400, 404)
