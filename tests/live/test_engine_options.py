"""Every option of a stack at once, under the real engine: what neither stack file asks for is accepted too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import Engine
from tests.support.engine_stacks import aws, project
from tests.support.leftovers import left

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]

OPTIONS = {
    "berth:ipv6": "true",
    "berth:nat": "none",
    "berth:on_prem_cidrs[0]": "192.168.10.0/24",
    "berth:pools[2].desired": "1",
    "berth:pools[2].spot": "false",
    "berth:pools[2].zone": "us-east-1a",
    "berth:pools[2].placement_group": "true",
    "berth:pools[2].efa": "true",
    "berth:pools[2].reservation_id": "cr-0123456789abcdef0",
    "berth:pools[2].capacity_block": "true",
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with project(tmp_path, "dev") as engine:
        for path, value in OPTIONS.items():
            engine.must("config", "set", "--path", path, value)
        yield engine


def test_a_stack_with_every_option_is_made_refreshed_and_destroyed(engine: Engine) -> None:
    for verb in ("up", "refresh", "preview"):
        outcome = engine.run(verb)
        assert outcome.code == 0, outcome.said
        assert set(outcome.counts) == ({"create"} if verb == "up" else set())
    gone = engine.run("destroy")
    assert (gone.code, set(gone.counts)) == (0, {"delete"}), gone.said
    assert left(lambda service: aws(engine, service)) == {}
