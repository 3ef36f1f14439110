"""Read, compare, write only what differs: so that a crash in the middle is mended by doing it again."""

from collections.abc import Mapping
from typing import Any


def differs(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> bool:
    """Whether `found` lacks something of `wanted`; what else it holds (ids, defaults) does not count."""
    if found is None:
        return True
    return any(_value_differs(value, found.get(name)) for name, value in wanted.items())


def _value_differs(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return differs(wanted, found)
    return bool(wanted != found)
