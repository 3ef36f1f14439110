"""OpenAI's request bodies, checked as vLLM checks them, and the bodies of its answers."""

import secrets
import time
from dataclasses import dataclass, field
from enum import Enum

from nomad_jobs.apps.engine import tokens
from nomad_jobs.apps.serving.answers import ApiError, bad_request

_DEFAULT_COMPLETION_TOKENS = 16
_MAX_STOPS = 4
_MAX_TEMPERATURE = 2.0
# What a chat template wraps around each message, in tokens; a round figure.
TOKENS_PER_MESSAGE = 4
# Parameters that change what an answer contains and that the simulator lacks, each with the values that change
# nothing. The simulator ignores parameters that only steer sampling (top_p, penalties).
_UNSUPPORTED: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "logprobs": (False, 0),
    "top_logprobs": (0,),
    "prompt_logprobs": (),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "response_format": ({"type": "text"},),
    "use_beam_search": (False,),
}


class Kind(Enum):
    """The endpoint of a request, and the names that its answers bear."""

    COMPLETION = "cmpl", "text_completion", "text_completion"
    CHAT = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, prefix: str, whole: str, chunk: str) -> None:
        """Keep the id's prefix, and the `object` of a whole answer and of a chunk."""
        self.prefix = prefix
        self.whole = whole
        self.chunk = chunk


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """A request that passed every check."""

    kind: Kind
    model: str
    prompt: str
    message: str = ""
    prompt_tokens: int
    max_tokens: int
    greedy: bool
    seed: int | None
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool
    ignore_eos: bool
    id: str = ""
    created: int = field(default_factory=lambda: int(time.time()))


def parse(body: dict[str, object], kind: Kind, *, served: str, max_model_len: int) -> Generation:
    """Check a request body; raises ApiError 404 for another model and 400 for all else."""
    check_model(body, served)
    _check_unsupported(body)
    prompt, message, prompt_tokens = _chat_prompt(body) if kind is Kind.CHAT else _prompt(body)
    stream = _boolean(body, "stream")
    return Generation(
        kind=kind,
        model=served,
        prompt=prompt,
        message=message,
        prompt_tokens=prompt_tokens,
        max_tokens=_max_tokens(body, kind, prompt_tokens, max_model_len),
        greedy=_temperature(body) == 0,
        seed=_integer(body, "seed"),
        stop=_stop(body),
        stream=stream,
        include_usage=_include_usage(body, stream=stream),
        ignore_eos=_boolean(body, "ignore_eos"),
        id=f"{kind.prefix}-{secrets.token_hex(8)}",
    )


def check_model(body: dict[str, object], served: str) -> None:
    """Raise ApiError 404 where `body` names another model than the one `served`."""
    model = body.get("model")
    # As with vLLM, a request that names no model gets the only one there is.
    if model not in (None, served):
        raise ApiError(status=404, message=f"The model `{model}` does not exist.", kind="NotFoundError", param="model")


def _check_unsupported(body: dict[str, object]) -> None:
    for name, harmless in _UNSUPPORTED.items():
        if body.get(name) is not None and body[name] not in harmless:
            raise bad_request(f"The engine simulator does not support `{name}` with this value.", name)


def _prompt(body: dict[str, object]) -> tuple[str, str, int]:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and not isinstance(prompt[0], int):
        prompt = prompt[0]
    if isinstance(prompt, str) and prompt:
        return prompt, "", tokens.count(prompt)
    if isinstance(prompt, list) and prompt and all(type(token) is int and token >= 0 for token in prompt):
        return " ".join(map(str, prompt)), "", len(prompt)
    raise bad_request("`prompt` must be one text or one list of token ids, and not empty.", "prompt")


def _chat_prompt(body: dict[str, object]) -> tuple[str, str, int]:
    texts = message_texts(body)
    total = sum(tokens.count(text) + TOKENS_PER_MESSAGE for text in texts)
    return "\0".join(texts), texts[-1], total


def message_texts(body: dict[str, object]) -> list[str]:
    """Return the text of each message; raises ApiError 400 where there is none."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("`messages` must be a list of at least one message.", "messages")
    return [_message_text(message) for message in messages]


def _message_text(message: object) -> str:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise bad_request("Each message needs a `role` and a `content`.", "messages")
    content = message.get("content") or ""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise bad_request("The engine simulator reads text content only.", "messages")
    return "".join(text for text in texts if isinstance(text, str))


def _max_tokens(body: dict[str, object], kind: Kind, prompt_tokens: int, max_model_len: int) -> int:
    name = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    asked = _integer(body, name)
    if asked is not None and asked < 1:
        raise bad_request(f"`{name}` must be at least 1, got {asked}.", name)
    room = max_model_len - prompt_tokens
    wanted = asked or (_DEFAULT_COMPLETION_TOKENS if kind is Kind.COMPLETION else max(room, 1))
    if wanted > room:
        message = (
            f"This model's maximum context length is {max_model_len} tokens. However, you requested {wanted}"
            f" output tokens and your prompt contains {prompt_tokens} input tokens, for a total of"
            f" {prompt_tokens + wanted} tokens. Please reduce the length of the input prompt or the number of"
            f" requested output tokens. (parameter=input_tokens, value={prompt_tokens})"
        )
        raise bad_request(message, "input_tokens")
    return wanted


def _temperature(body: dict[str, object]) -> float:
    value = body.get("temperature")
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_TEMPERATURE:
        raise bad_request("`temperature` must be a number from 0 to 2.", "temperature")
    return float(value)


def _stop(body: dict[str, object]) -> tuple[str, ...]:
    value = body.get("stop")
    words = [] if value is None else value if isinstance(value, list) else [value]
    if len(words) > _MAX_STOPS or not all(isinstance(word, str) and word for word in words):
        raise bad_request(f"`stop` must be a text or a list of up to {_MAX_STOPS} texts, none empty.", "stop")
    return tuple(words)


def _include_usage(body: dict[str, object], *, stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not stream or not isinstance(options, dict):
        raise bad_request("`stream_options` is an object and can only be set with `stream`: true.", "stream_options")
    return _boolean(options, "include_usage")


def _integer(body: dict[str, object], name: str) -> int | None:
    value = body.get(name)
    if value is not None and type(value) is not int:
        raise bad_request(f"`{name}` must be an integer.", name)
    return value


def _boolean(body: dict[str, object], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"`{name}` must be true or false.", name)
    return bool(value)
