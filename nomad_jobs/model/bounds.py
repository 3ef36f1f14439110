"""Checks that numbers are whole and within bounds, and that names are names."""

import re
from collections.abc import Iterator

DAY_S = 86_400
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def out_of_range(what: str, value: int, low: int, high: int) -> Iterator[str]:
    """Yield a fault where `value` is not a whole number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        yield f"{what} is {value!r}, but must be a whole number from {low} to {high}"


def no_name(what: str, name: str) -> Iterator[str]:
    """Yield a fault where `name` is none that DNS, Nomad, Consul and Vault all take."""
    if not _NAME.fullmatch(name):
        yield f"{what} {name!r} must be lower-case letters, digits and dashes, starting with a letter, at most 63"
