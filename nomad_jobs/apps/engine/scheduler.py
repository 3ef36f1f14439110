"""Runs requests in slots, queues those beyond, and pauses between tokens."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nomad_jobs.apps.engine.metrics import Metrics, Timeline
from nomad_jobs.apps.engine.profiles import Speed
from nomad_jobs.apps.engine.text import Step

# How often a prefill looks again at how many requests run beside it.
_PREFILL_STEP_S = 0.02

Deliver = Callable[[Step], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many requests run at once, of how many tokens each; `time_scale` 1 is the published speed."""

    max_num_seqs: int
    max_model_len: int
    time_scale: float


@dataclass(eq=False, slots=True)
class Sequence:
    """A running request's place in the batch, sized in tokens."""

    prompt_tokens: int
    generated: int = 0


class Scheduler:
    """Runs as many requests at once as the limits allow, first come first served, each at the speed of that load."""

    def __init__(self, speed: Speed, limits: Limits, metrics: Metrics) -> None:
        self._speed = speed
        self._limits = limits
        self._metrics = metrics
        self._slots = asyncio.Semaphore(limits.max_num_seqs)
        self._running: set[Sequence] = set()
        self._waiting = 0
        metrics.watch(running=lambda: self.running, waiting=lambda: self.waiting, kv_cache=lambda: self.kv_cache_usage)

    @property
    def running(self) -> int:
        """Requests that hold a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._waiting

    @property
    def kv_cache_usage(self) -> float:
        """Tokens of all running requests as a share of what all slots could hold."""
        held = sum(sequence.prompt_tokens + sequence.generated for sequence in self._running)
        return held / (self._limits.max_num_seqs * self._limits.max_model_len)

    async def run(self, prompt_tokens: int, times: Timeline, steps: Iterator[Step], deliver: Deliver) -> None:
        """Wait for a slot, then pass each step to `deliver` when it is due, and note the time in `times`.

        A cancelled call frees its slot at once, and the metrics count its request as aborted.
        """
        try:
            async with self._slot(prompt_tokens) as sequence:
                times.started = time.monotonic()
                await self._prefill(sequence)
                await self._decode(sequence, times, steps, deliver)
        finally:
            self._metrics.finished(times, prompt_tokens)

    @asynccontextmanager
    async def _slot(self, prompt_tokens: int) -> AsyncIterator[Sequence]:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        sequence = Sequence(prompt_tokens)
        self._running.add(sequence)
        try:
            yield sequence
        finally:
            self._running.remove(sequence)
            self._slots.release()

    async def _prefill(self, sequence: Sequence) -> None:
        """Sleep for the time to first token, which changes as other requests come and go."""
        done = 0.0
        while done < 1:
            whole_s = self._speed.ttft_s(sequence.prompt_tokens, self.running) * self._limits.time_scale
            before = time.monotonic()
            await asyncio.sleep(min(_PREFILL_STEP_S, (1 - done) * whole_s))
            done = done + (time.monotonic() - before) / whole_s if whole_s else 1.0

    async def _decode(self, sequence: Sequence, times: Timeline, steps: Iterator[Step], deliver: Deliver) -> None:
        due = time.monotonic()
        for step in steps:
            if times.last_token is not None:
                # We count from when the last token was due, not from when it went out, so that delays do not add up.
                due += self._speed.tpot_s(sequence.prompt_tokens, self.running) * self._limits.time_scale
                await asyncio.sleep(max(due - time.monotonic(), 0))
            self._observe(times, sequence)
            await deliver(step)
            times.reason = step.finish_reason or times.reason

    def _observe(self, times: Timeline, sequence: Sequence) -> None:
        now = time.monotonic()
        if times.last_token is None:
            times.first_token = now
            self._metrics.first_token(times, sequence.prompt_tokens)
        else:
            self._metrics.next_token(now - times.last_token)
        times.last_token = now
        times.generated = sequence.generated = sequence.generated + 1
