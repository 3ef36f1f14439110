"""Work in several stages: each stage takes one at a time, in a fixed order, while the others go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Lane:
    """One stage: numbers 0, 1, 2… take their turns in this order, each from a thread of its own."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._left: set[int] = set()

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Wait until every smaller number has left the lane, and leave it when the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._left.issuperset(range(number)))
        try:
            yield
        finally:
            self.leave(number)

    def leave(self, number: int) -> None:
        """Note that `number` does not need the lane any more; it may never have entered it."""
        with self._changed:
            self._left.add(number)
            self._changed.notify_all()
