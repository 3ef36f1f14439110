"""The simulated speed is the published one where something was published, and lies between where not."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.engine.profiles import RESULTS, Speed, longest_request, read_speed
from nomad_jobs.errors import ConfigError

with RESULTS.open(newline="") as _file:
    USED = [row for row in csv.DictReader(_file) if row["used_in_comparison"] == "yes"]
MODELS = sorted({row["model_id"] for row in USED})

speeds = st.sampled_from(MODELS).map(read_speed)
prompts = st.integers(1, 20_000)
batches = st.integers(1, 64)


@pytest.mark.parametrize("row", USED, ids=lambda row: f"{row['model']}-{row['profile']}")
def test_each_published_row_is_met_exactly(row: dict[str, str]) -> None:
    speed = read_speed(row["model_id"])
    at = int(row["input_len"]), int(row["max_concurrency"])
    assert speed.ttft_s(*at) * 1000 == pytest.approx(float(row["ttft_ms"]))
    assert speed.tpot_s(*at) * 1000 == pytest.approx(float(row["tpot_ms"]))


def test_eight_models_have_three_rows_each() -> None:
    assert len(MODELS) == 8
    assert len(USED) == 24


@given(speeds, prompts, batches)
def test_no_time_is_below_the_best_published_one(speed: Speed, prompt: int, batch: int) -> None:
    assert speed.ttft_s(prompt, batch) * 1000 >= min(row.ttft_ms for row in speed.rows) - 1e-9
    assert speed.tpot_s(prompt, batch) * 1000 >= min(row.tpot_ms for row in speed.rows) - 1e-9


@given(speeds, prompts, batches, batches)
def test_more_requests_at_once_never_make_one_faster(speed: Speed, prompt: int, one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert speed.ttft_s(prompt, fewer) <= speed.ttft_s(prompt, more) + 1e-12
    assert speed.tpot_s(prompt, fewer) <= speed.tpot_s(prompt, more) + 1e-12


@given(speeds, prompts, batches)
def test_outside_the_measured_range_the_nearest_measured_point_holds(speed: Speed, prompt: int, batch: int) -> None:
    held = min(max(prompt, 1024), 8192), min(batch, 16)
    assert speed.ttft_s(prompt, batch) == speed.ttft_s(*held)
    assert speed.tpot_s(prompt, batch) == speed.tpot_s(*held)


def test_halfway_between_one_and_sixteen_requests_is_halfway_between_the_rows() -> None:
    speed = read_speed("moonshotai/Kimi-K2.6")
    assert speed.tpot_s(1024, 4) * 1000 == pytest.approx(14.69 + 3 / 15 * (31.72 - 14.69))


def test_an_unpublished_model_is_refused_with_the_list_of_published_ones() -> None:
    with pytest.raises(ConfigError, match=r"no speed was published for 'gpt-2' — one of: MiniMaxAI/MiniMax-M2\.1, "):
        read_speed("gpt-2")


def test_the_longest_measured_request_is_the_long_context_one() -> None:
    assert longest_request(read_speed(MODELS[0]).rows) == 8192 + 256
