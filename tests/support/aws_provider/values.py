"""Values as the engine sends them, and when two of them mean the same."""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

Bag = dict[str, Any]
"""The properties of one resource, by Pulumi's names."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for what is known only after `up`; pulumi.runtime.rpc.UNKNOWN."""


def to_bag(struct: Struct) -> Bag:
    """Read a Struct: whole numbers become int, nulls are left out."""
    return dict(_plain(MessageToDict(struct)))


def to_struct(bag: Mapping[str, Any]) -> Struct:
    return ParseDict(_plain(bag), Struct())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(has_unknown(one) for one in value.values())
    if isinstance(value, list):
        return any(has_unknown(one) for one in value)
    return bool(value == UNKNOWN)


def same(wanted: Any, found: Any) -> bool:
    """Whether `found` says what `wanted` asks: JSON by meaning, lists in any order, blocks by the fields asked for."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(same(one, found.get(key)) for key, one in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and _pairs_up(wanted, list(found))
    if isinstance(wanted, str) and isinstance(found, str) and wanted != found:
        return _json(wanted) is not None and bool(_canonical(_json(wanted)) == _canonical(_json(found)))
    return bool(_scalar(wanted) == _scalar(found))


def _pairs_up(wanted: list[Any], found: list[Any]) -> bool:
    for one in wanted:
        match = next((index for index, other in enumerate(found) if same(one, other)), None)
        if match is None:
            return False
        found.pop(match)
    return True


def _canonical(value: Any) -> Any:
    """Write a document so that equal ones are equal; a list of one is the same as its item, as in IAM."""
    if isinstance(value, dict):
        return {key: _canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        inner = [_canonical(one) for one in value]
        return inner[0] if len(inner) == 1 else sorted(inner, key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _json(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _scalar(value: Any) -> Any:
    """A number or flag as Terraform compares it with text: `true` and `"true"`, 1 and `"1"`; empty is absent."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return value or None
