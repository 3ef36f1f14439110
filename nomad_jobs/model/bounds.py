"""Checks that numbers are whole and within bounds, that names are names, and that several texts are not one."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, get_origin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DAY_S = 86_400
_COMMANDS = {"argv", "entrypoint", "script"}
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def out_of_range(what: str, value: int, low: int, high: int) -> Iterator[str]:
    """Yield a fault where `value` is not a whole number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        yield f"{what} is {value!r}, but must be a whole number from {low} to {high}"


def no_name(what: str, name: str) -> Iterator[str]:
    """Yield a fault where `name` is none that DNS, Nomad, Consul and Vault all take."""
    if not _NAME.fullmatch(name):
        yield f"{what} {name!r} must be lower-case letters, digits and dashes, starting with a letter, at most 63"


def single_texts(part: "DataclassInstance") -> Iterator[str]:
    """Yield a fault for each field that should be a tuple and is one text, of which Python would take the letters."""
    for one in fields(part):
        value = getattr(part, one.name)
        if get_origin(one.type) is tuple and isinstance(value, str):
            write = f"command({value!r})" if one.name in _COMMANDS else f"({value!r},), with a comma"
            yield f"{type(part).__name__}.{one.name} is the text {value!r}: write {write}"
