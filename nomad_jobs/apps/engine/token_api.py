"""Bodies of requests that use token ids, and of their answers, as vLLM 0.19.1 has them."""

import secrets

from nomad_jobs.apps.engine import tokens
from nomad_jobs.apps.engine.protocol import TOKENS_PER_MESSAGE, check_model, message_texts
from nomad_jobs.apps.serving.answers import bad_request

# Stands for the tokens that a chat template puts around a message: an id of no text.
_TEMPLATE = tokens.ids_of([""]) * TOKENS_PER_MESSAGE
_SAMPLING = ("max_tokens", "temperature", "seed", "stop", "ignore_eos", "n")


def tokenize(body: dict[str, object], *, served: str, max_model_len: int) -> dict[str, object]:
    """Answer `/tokenize` for a prompt or for messages; raises ApiError."""
    check_model(body, served)
    prompt = body.get("prompt")
    if "messages" in body:
        found = [token for text in message_texts(body) for token in [*_TEMPLATE, *tokens.ids(text)]]
    elif isinstance(prompt, str):
        found = tokens.ids(prompt)
    else:
        raise bad_request("`prompt` must be a text.", "prompt")
    texts = [tokens.from_ids([token]) for token in found] if body.get("return_token_strs") else None
    return {"count": len(found), "max_model_len": max_model_len, "tokens": found, "token_strs": texts}


def detokenize(body: dict[str, object], *, served: str) -> dict[str, object]:
    """Answer `/detokenize`; raises ApiError, also for ids that `/tokenize` never gave."""
    check_model(body, served)
    try:
        return {"prompt": tokens.from_ids(_ids(body, "tokens"))}
    except ValueError as error:
        raise bad_request(f"The engine simulator knows its own token ids only: {error}.", "tokens") from None


def completion(body: dict[str, object]) -> dict[str, object]:
    """Turn the body of `/inference/v1/generate` into a completion's; raises ApiError."""
    sampling = body.get("sampling_params")
    if not isinstance(sampling, dict):
        raise bad_request("`sampling_params` must be an object.", "sampling_params")
    if body.get("stream"):
        raise bad_request("The engine simulator does not support `stream` here.", "stream")
    asked = {name: sampling[name] for name in _SAMPLING if name in sampling}
    return {"model": body.get("model"), "prompt": _ids(body, "token_ids"), **asked}


def generated(text: str, finish_reason: str | None) -> dict[str, object]:
    """Build the answer of `/inference/v1/generate`."""
    choice = {"index": 0, "logprobs": None, "finish_reason": finish_reason, "token_ids": tokens.ids(text)}
    return {
        "request_id": secrets.token_hex(8),
        "choices": [choice],
        "prompt_logprobs": None,
        "kv_transfer_params": None,
    }


def _ids(body: dict[str, object], name: str) -> list[int]:
    value = body.get(name)
    if not isinstance(value, list) or not all(type(token) is int and token >= 0 for token in value):
        raise bad_request(f"`{name}` must be a list of token ids.", name)
    return value
