"""The forecast: what was measured, what this machine takes, and what Go's cache already holds."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.ops.toolchain.forecast import Costs, Forecast, here, remember, told, usable_cores
from scripts.ops.toolchain.programs import LAPTOP, PROGRAMS

COSTS = Costs(
    cores=2,
    disk_gb=7,
    wall_per_processor_s=0.5,
    other_package_s=1.0,
    first_start_s=60,
    packages={"large": 100.0},
    programs={"one": 100.0, "two": 50.0},
)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_before_anything_ran_it_is_what_was_measured(clock: Clock) -> None:
    assert Forecast(COSTS, ["one", "two"], cores=2, clock=clock).remaining_s() == 150


@pytest.mark.parametrize(("cores", "seconds"), [(1, 300), (4, 75), (64, 37.5)])
def test_a_machine_with_other_cores_is_guessed_from_their_number(clock: Clock, cores: int, seconds: float) -> None:
    assert Forecast(COSTS, ["one", "two"], cores=cores, clock=clock).remaining_s() == seconds


def test_what_gos_cache_holds_is_not_counted(clock: Clock) -> None:
    forecast = Forecast(COSTS, ["one"], cores=2, clock=clock)
    forecast.needs("one", [f"p{number}" for number in range(20)])
    assert forecast.remaining_s() == 10
    forecast.needs("one", [])
    assert forecast.remaining_s() == 0
    assert forecast.share("one") == 1


def test_one_large_package_moves_it_while_it_compiles(clock: Clock) -> None:
    forecast = Forecast(COSTS, ["one"], cores=2, clock=clock)
    forecast.needs("one", ["large"])
    forecast.starts("one", "large")
    shares = []
    for _ in range(4):
        clock.now += 25
        shares.append(forecast.share("one"))
    assert shares == [0.25, 0.5, 0.75, 1.0]


@given(slower=st.floats(0.2, 5), packages=st.integers(240, 800))
def test_it_comes_to_know_how_fast_this_machine_is(slower: float, packages: int) -> None:
    """Half way, the forecast lies within a third of what it will take, however far off the first guess was."""
    clock = Clock()
    forecast = Forecast(COSTS, ["one"], cores=2, clock=clock)
    names = [f"p{number}" for number in range(packages)]
    forecast.needs("one", names)
    each = COSTS.other_package_s * COSTS.wall_per_processor_s * slower
    for name in names[: packages // 2]:
        forecast.starts("one", name)
        clock.now += each
    truth = each * packages / 2
    assert math.isclose(forecast.remaining_s(), truth, rel_tol=0.34, abs_tol=35)


@given(st.lists(st.sampled_from(["a", "b", "large"]), max_size=30))
def test_it_never_falls_below_nothing(started: list[str]) -> None:
    clock = Clock()
    forecast = Forecast(COSTS, ["one", "two"], cores=2, clock=clock)
    for name in started:
        forecast.starts("one", name)
        clock.now += 7
        assert forecast.remaining_s() >= 0
        assert 0 <= forecast.share("one") <= 1
    for program in ("one", "two"):
        forecast.ends(program)
    assert forecast.remaining_s() == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "under a minute"), (59, "under a minute"), (61, "about 2 min"), (600, "about 10 min")],
)
def test_it_is_told_no_more_exactly_than_it_is_known(seconds: float, words: str) -> None:
    assert told(seconds) == words


def test_what_was_measured_covers_every_program_that_a_laptop_builds() -> None:
    costs = Costs.read()
    unmeasured = {name for name in LAPTOP if costs.programs.get(name, 0) <= 0}
    assert unmeasured == set()
    assert not costs.programs.keys() - PROGRAMS.keys()
    assert all(re.fullmatch(r"[\w./-]+", package) for package in costs.packages)


def test_a_machine_that_was_seen_before_is_foretold_by_what_it_took(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Forecast(COSTS, ["one"], cores=2, known=3.0, clock=clock).remaining_s() == 300
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "berth").mkdir()
    before = here(["consul"]).remaining_s()
    remember(2 * here(["consul"]).factor())
    assert here(["consul"]).remaining_s() == pytest.approx(2 * before, rel=0.02)
    (tmp_path / "berth" / "speed.json").write_text("[]")
    assert here(["consul"]).remaining_s() == before


def test_a_program_that_was_never_measured_says_nothing_about_the_machine(clock: Clock) -> None:
    forecast = Forecast(COSTS, ["one", "unknown"], cores=2, clock=clock)
    assert forecast.is_measured("one")
    assert not forecast.is_measured("unknown")


def test_a_slow_machine_is_told_of_once(clock: Clock) -> None:
    forecast = Forecast(COSTS, ["one"], cores=2, clock=clock)
    forecast.needs("one", [f"p{number}" for number in range(200)])
    told_of = []
    for number in range(100):
        forecast.starts("one", f"p{number}")
        clock.now += 3
        told_of.append(forecast.is_slow())
    assert told_of.count(True) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cores": 2}'])
def test_without_what_was_measured_nothing_is_known_and_nothing_fails(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "costs.json").write_text(text)
    monkeypatch.setattr("scripts.ops.toolchain.forecast.COSTS", tmp_path / "costs.json")
    assert Costs.read().programs == {}
    assert here(["consul"]).remaining_s() == 0


@pytest.mark.parametrize(("text", "cores"), [("max 100000", 64), ("200000 100000", 2), ("50000 100000", 1)])
def test_a_limit_of_the_container_counts(text: str, cores: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert usable_cores(tmp_path / "cpu.max") == min(cores, usable_cores(tmp_path / "none"))
