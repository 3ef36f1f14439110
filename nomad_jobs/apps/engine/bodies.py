"""The bodies of the engine's answers, as vLLM writes them: chunks of a stream, and whole answers."""

from nomad_jobs.apps.engine.protocol import Generation, Kind
from nomad_jobs.apps.engine.text import Step


def role_chunk(request: Generation) -> dict[str, object]:
    """Build the first chunk of a chat stream, which only says who speaks."""
    return _chunk(request, {"delta": {"role": "assistant", "content": ""}}, Step(""))


def token_chunk(request: Generation, step: Step) -> dict[str, object]:
    """Build the chunk of one token; the last one carries the finish reason."""
    said: dict[str, object] = {"delta": {"content": step.text}} if request.kind is Kind.CHAT else {"text": step.text}
    return _chunk(request, said, step)


def usage_chunk(request: Generation, completion_tokens: int) -> dict[str, object]:
    """Build the chunk that ends a stream with `stream_options.include_usage`."""
    return {**_head(request, request.kind.chunk), "choices": [], "usage": _usage(request, completion_tokens)}


def whole(request: Generation, text: str, finish_reason: str | None, completion_tokens: int) -> dict[str, object]:
    """Build the answer to a request that does not stream."""
    said: dict[str, object] = (
        {"message": {"role": "assistant", "content": text}} if request.kind is Kind.CHAT else {"text": text}
    )
    choice = _choice(said, finish_reason)
    return {
        **_head(request, request.kind.whole),
        "choices": [choice],
        "usage": _usage(request, completion_tokens),
    }


def _chunk(request: Generation, said: dict[str, object], step: Step) -> dict[str, object]:
    return {**_head(request, request.kind.chunk), "choices": [_choice(said, step.finish_reason)]}


def _choice(said: dict[str, object], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}


def _head(request: Generation, kind: str) -> dict[str, object]:
    return {"id": request.id, "object": kind, "created": request.created, "model": request.model}


def _usage(request: Generation, completion_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": request.prompt_tokens + completion_tokens,
    }
