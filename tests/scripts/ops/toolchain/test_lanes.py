"""Lanes: turns in order, whatever the order of coming, and nobody waits for one that will not come."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.ops.toolchain.lanes import Lane

_DEADLINE_S = 20


@pytest.mark.parametrize("seed", range(5))
def test_turns_come_in_the_order_of_their_numbers(seed: int) -> None:
    lane, seen = Lane(), list[int]()

    def enter(number: int) -> None:
        with lane.turn(number):
            seen.append(number)

    numbers = random.Random(seed).sample(range(20), 20)
    with ThreadPoolExecutor(20) as pool:
        for future in [pool.submit(enter, number) for number in numbers]:
            future.result(_DEADLINE_S)
    assert seen == list(range(20))


def test_one_that_fails_lets_the_next_one_in() -> None:
    lane, entered = Lane(), threading.Event()

    def enter() -> None:
        with lane.turn(2):
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(enter)
        with pytest.raises(OSError, match="full"), lane.turn(0):
            raise OSError("full")
        assert not entered.is_set()
        lane.leave(1)
        assert entered.wait(_DEADLINE_S)
