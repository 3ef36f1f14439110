"""The simulator's words: true sentences about itself, in an order that the seed decides."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from nomad_jobs.apps.engine.tokens import pieces

FACTS = (
    "The pauses between these words are the measured part: they follow the published time per output token.",
    "The first word came after the published time to first token, for a prompt of this length and this load.",
    "The numbers come from a benchmark of large open models on sixteen H200 GPUs, of 27 April 2026.",
    "When more requests run at the same time, each of them slows down, as it did in the published table.",
    "A prompt of eight thousand tokens is answered at the pace of the long-context row.",
    "The platform around this engine is the real one: Nomad placed it, Consul checks it, NGINX routes to it.",
    "Its API keys come from Vault, are rendered on the node, and never appear in a job file.",
    "Several keys are accepted at once, so that one can be rotated while the others still work.",
    "On a machine with GPUs the same service runs vLLM, and the words would be better.",
    "If you stop the stream, its slot is free for the next request at once.",
    "When the platform replaces this engine, the answer you are reading is finished first.",
    "Requests beyond the limit of running sequences wait in a queue, and the metrics show how many.",
    "The metrics carry vLLM's names, so dashboards and autoscaling rules can be tried out here.",
    "Tokens are counted by a simple word-piece rule, which is close to English and no more than that.",
    "The same seed and the same prompt give the same words again.",
    "Nothing that you type here leaves this platform, and nothing of it is kept.",
)
_OPENING = "This is Berth's engine simulator, answering as {}: no model is loaded, no thought went into these words."
_CHAT_FACTS = (3, 6)
_QUOTED_WORDS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """What one output token adds: text, which is empty while held back, and with the last token the finish reason."""

    text: str
    finish_reason: str | None = None


def sentences(*, model: str, prompt: str, seed: int | None, greedy: bool) -> Iterator[str]:
    """Say who speaks, then all facts again and again, each round in another order.

    The order depends on model, prompt and seed; on model and prompt alone where sampling is `greedy`
    (temperature 0); on chance where there is no seed either.
    """
    rng = random.Random()  # noqa: S311 - shuffles sentences
    if greedy or seed is not None:
        rng.seed(f"{model}\0{prompt}\0{None if greedy else seed}")
    yield _OPENING.format(model)
    while True:
        yield from rng.sample(FACTS, len(FACTS))


def chat_reply(says: Iterator[str], message: str, tokens: int) -> Iterator[str]:
    """Answer a chat message of `tokens` tokens: the opening, the message's first words, and a few facts."""
    yield next(says)
    words = message.split()
    if words:
        quote = " ".join(words[:_QUOTED_WORDS]) + (" …" if len(words) > _QUOTED_WORDS else "")
        yield f"Your message of {tokens} tokens arrived whole: “{quote}”"
    low, high = _CHAT_FACTS
    for _ in range(low + tokens % (high - low + 1)):
        yield next(says)


def joined(says: Iterator[str]) -> Iterator[str]:
    """Join sentences with spaces and split them into tokens."""
    for number, sentence in enumerate(says):
        yield from pieces(f" {sentence}" if number else sentence)


def steps(tokens: Iterator[str], *, max_tokens: int, stop: tuple[str, ...]) -> Iterator[Step]:
    """Cut the `tokens` at the first of the `stop` strings, at `max_tokens`, or where they end.

    It holds back text that may begin a stop string until the next tokens decide, so joined texts never contain one.
    The last step carries "stop" or "length".
    """
    hold = max((len(word) for word in stop), default=1) - 1
    held = ""
    for number, token in enumerate(tokens, start=1):
        held += token
        end = min((found for word in stop if (found := held.find(word)) >= 0), default=None)
        if end is not None:
            yield Step(held[:end], "stop")
            return
        if number == max_tokens:
            yield Step(held, "length")
            return
        ready = len(held) - hold
        yield Step(held[: max(ready, 0)])
        held = held[max(ready, 0) :]
    yield Step(held, "stop")
