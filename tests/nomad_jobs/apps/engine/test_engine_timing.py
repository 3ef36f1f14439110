"""At time scale 1 a client measures the published times: never faster, and not much slower."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nomad_jobs.apps.engine.profiles import Row, read_speed
from tests.support.apps import App, running_engine

# A client on a busy two-core machine sees some milliseconds on top; double is what would be wrong.
NOT_FASTER, NOT_SLOWER, SLACK_S = 0.97, 1.5, 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    ttft_s: float
    tpot_s: float


async def measure(url: str, prompt_tokens: int, output_tokens: int) -> Measured:
    request = {"prompt": [1] * prompt_tokens, "max_tokens": output_tokens, "stream": True}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        start = time.monotonic()
        async with client.stream("POST", "/v1/completions", json=request) as response:
            times = [time.monotonic() async for line in response.aiter_lines() if line.startswith("data: {")]
    return Measured(times[0] - start, (times[-1] - times[0]) / (len(times) - 1))


async def measure_many(url: str, row: Row, output_tokens: int) -> list[Measured]:
    clients = (measure(url, row.input_len, output_tokens) for _ in range(row.max_concurrency))
    return await asyncio.gather(*clients)


def check(app: App, row: Row, output_tokens: int) -> None:
    measured = asyncio.run(measure_many(app.url(), row, output_tokens))
    ttft_s = statistics.median(one.ttft_s for one in measured)
    tpot_s = statistics.median(one.tpot_s for one in measured)
    assert row.ttft_ms * NOT_FASTER <= ttft_s * 1000 <= row.ttft_ms * NOT_SLOWER + SLACK_S * 1000
    assert row.tpot_ms * NOT_FASTER <= tpot_s * 1000 <= row.tpot_ms * NOT_SLOWER


@pytest.mark.parametrize("profile", ["single", "loaded", "long"])
@pytest.mark.parametrize("model", ["meta-llama/Llama-4-Scout-17B-16E-Instruct", "moonshotai/Kimi-K2.6"])
def test_a_client_measures_the_published_row(tmp_path: Path, model: str, profile: str) -> None:
    with running_engine(tmp_path, "--model", model, time_scale=1) as app:
        check(app, getattr(read_speed(model), profile), output_tokens=40)


def test_half_the_time_scale_is_half_the_time(tmp_path: Path) -> None:
    with running_engine(tmp_path, time_scale=0.5) as app:
        [measured] = asyncio.run(
            measure_many(app.url(), read_speed("meta-llama/Llama-4-Scout-17B-16E-Instruct").single, 40)
        )
    assert 0.103 / 2 <= measured.ttft_s < 0.103 + SLACK_S
    assert 0.0073 / 2 <= measured.tpot_s < 0.0073
