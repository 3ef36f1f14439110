"""At time scale 1 a client measures the published times: never faster, and not much slower."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nomad_jobs.apps.engine.profiles import Row, read_speed
from tests.support.apps import SCOUT, running_engine

# Other work on the machine only ever adds time: no run may be faster than published, and one of three must be close.
NOT_FASTER = 0.98
NOT_SLOWER = 1.25
SLACK_S = 0.05
RUNS = 3
OUTPUT_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Measured:
    """What a client saw of one stream; `total_s` is from sending to the last token."""

    ttft_s: float
    total_s: float

    @property
    def tpot_s(self) -> float:
        return (self.total_s - self.ttft_s) / (OUTPUT_TOKENS - 1)


async def measure(client: httpx.AsyncClient, prompt_tokens: int) -> Measured:
    request = {"prompt": [1] * prompt_tokens, "max_tokens": OUTPUT_TOKENS, "stream": True}
    start = time.monotonic()
    async with client.stream("POST", "/v1/completions", json=request) as response:
        times = [time.monotonic() async for line in response.aiter_lines() if line.startswith("data: {")]
    assert len(times) == OUTPUT_TOKENS
    return Measured(times[0] - start, times[-1] - start)


async def measure_many(url: str, row: Row) -> Measured:
    """Send as many requests at once as the row had, and take the median of each time."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        measured = await asyncio.gather(*(measure(client, row.input_len) for _ in range(row.max_concurrency)))
    ttft_s, total_s = (statistics.median(getattr(one, name) for one in measured) for name in ("ttft_s", "total_s"))
    return Measured(ttft_s, total_s)


def is_close(measured: Measured, row: Row, scale: float = 1) -> bool:
    """Tell whether one run was close to the row; fails where it was faster."""
    ttft_s = scale * row.ttft_ms / 1000
    tpot_s = scale * row.tpot_ms / 1000
    assert measured.ttft_s >= ttft_s * NOT_FASTER
    assert measured.total_s >= (ttft_s + (OUTPUT_TOKENS - 1) * tpot_s) * NOT_FASTER
    return measured.ttft_s <= ttft_s * NOT_SLOWER + SLACK_S and measured.tpot_s <= tpot_s * NOT_SLOWER


@pytest.mark.parametrize("profile", ["single", "loaded", "long"])
@pytest.mark.parametrize("model", [SCOUT, "moonshotai/Kimi-K2.6"])
def test_a_client_measures_the_published_row(tmp_path: Path, model: str, profile: str) -> None:
    row: Row = getattr(read_speed(model), profile)
    with running_engine(tmp_path, "--model", model, time_scale=1) as app:
        assert any(is_close(asyncio.run(measure_many(app.url(), row)), row) for _ in range(RUNS))


def test_half_the_time_scale_is_half_the_time(tmp_path: Path) -> None:
    row = read_speed(SCOUT).single
    with running_engine(tmp_path, time_scale=0.5) as app:
        assert any(is_close(asyncio.run(measure_many(app.url(), row)), row, scale=0.5) for _ in range(RUNS))
