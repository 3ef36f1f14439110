"""Waits with a deadline, and says what it waited for."""

import time
from collections.abc import Callable

from nomad_jobs.errors import DeadlineError

_PAUSE_S = 0.1


def wait_until(
    ready: Callable[[], str | None],
    *,
    where: str,
    what: str,
    deadline_s: float,
    fix: str = "",
    pause_s: float = _PAUSE_S,
) -> None:
    """Ask `ready` until it answers None.

    `ready` returns what is still missing, in words. Use it only where there is nothing to subscribe to, such as a
    process that has not opened its port yet; ask a running cluster with its blocking queries.
    `pause_s` is the time between two questions.

    Raises:
        DeadlineError: `deadline_s` seconds went by; the message carries the last answer.

    """
    end = time.monotonic() + deadline_s
    while (missing := ready()) is not None:
        if time.monotonic() >= end:
            raise DeadlineError(where, f"{what} did not happen within {deadline_s:.0f} s: {missing}", fix)
        time.sleep(pause_s)
