"""The end of a stack: what is protected is refused, then nothing is left. Last of the shared stacks' tests."""

import pytest

from tests.support.engine_stacks import Built, resources
from tests.support.leftovers import left

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]


def test_destroy_refuses_a_protected_stack_and_takes_nothing(engine_stack: Built) -> None:
    if not engine_stack.config.protect:
        return  # the other half of this file
    before = engine_stack.engine.state()
    there = left(engine_stack.aws)
    refused = engine_stack.engine.run("destroy", foresee=True)
    assert refused.code != 0
    assert "protected" in refused.said
    assert [one["urn"] for one in resources(engine_stack.engine.state())] == [one["urn"] for one in resources(before)]
    assert left(engine_stack.aws) == there


def test_an_unprotected_stack_is_destroyed_whole(engine_stack: Built) -> None:
    if engine_stack.config.protect:
        engine_stack.configure("berth:protect", "false")
        opened = engine_stack.engine.run("up")
        assert opened.code == 0, opened.said
    gone = engine_stack.engine.run("destroy", foresee=True)
    assert gone.code == 0, gone.said
    assert set(gone.counts) == {"delete"}
    assert resources(engine_stack.engine.state()) == []
    assert left(engine_stack.aws) == {}
