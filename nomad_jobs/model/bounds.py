"""Checks that numbers are whole and within bounds."""

from collections.abc import Iterator

DAY_S = 86_400


def out_of_range(what: str, value: int, low: int, high: int) -> Iterator[str]:
    """Yield a fault where `value` is not a whole number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        yield f"{what} is {value!r}, but must be a whole number from {low} to {high}"
