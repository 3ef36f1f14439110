"""Reads plain configuration values into typed records; keeps every fault, with the command that fixes it."""

import json
import shlex
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from ipaddress import IPv4Network
from typing import Any, Union, get_args, get_origin, get_type_hints

from nomad_jobs.errors import ConfigError

BAD = object()
"""Stands for a value that could not be read; its fault is kept."""


def fix(path: str, value: object) -> str:
    """Write the command that sets one value; a path into a list or a record needs Pulumi's `--path`."""
    quoted = shlex.quote(str(value))
    nested = "[" in path or "." in path
    return f"`pulumi config set --path '{path}' {quoted}`" if nested else f"`pulumi config set {path} {quoted}`"


class Reader:
    """Collects `faults` while it reads."""

    def __init__(self) -> None:
        self.faults: list[ConfigError] = []

    def record(self, kind: type[Any], values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        """Read the fields of a dataclass; `prefix` goes before each name (`berth:`). Bad ones are left out."""
        hints = get_type_hints(kind)
        found = {}
        for one in fields(kind):
            path = one.metadata.get("key", prefix + one.name)
            if values.get(one.name) is not None:
                found[one.name] = self.value(hints[one.name], values[one.name], path, _example(one, hints[one.name]))
            elif one.default is MISSING and one.default_factory is MISSING:
                self._fault(path, "is missing", _example(one, hints[one.name]))
        self._unknown(values, [one.name for one in fields(kind)], prefix)
        return {name: value for name, value in found.items() if value is not BAD}

    def value(self, kind: Any, raw: Any, path: str, example: object) -> Any:
        """Read one value; `BAD` if it is not of this kind."""
        if get_origin(kind) in {types.UnionType, Union}:
            kind = next(one for one in get_args(kind) if one is not types.NoneType)
        if isinstance(raw, str) and (get_origin(kind) is tuple or is_dataclass(kind)):
            raw = _from_json(raw)
        if get_origin(kind) is tuple:
            return self._list(get_args(kind)[0], raw, path, example)
        if is_dataclass(kind) and isinstance(kind, type):
            return self._nested(kind, raw, path)
        try:
            return _reader(kind)(raw)
        except ValueError as error:
            self._fault(path, str(error), example)
            return BAD

    def _list(self, kind: Any, raw: Any, path: str, example: object) -> Any:
        if not isinstance(raw, list | tuple):
            self._fault(f"{path}[0]", f"{path} must be a list, not {raw!r}", example)
            return BAD
        read = [self.value(kind, one, f"{path}[{place}]", example) for place, one in enumerate(raw)]
        return BAD if any(one is BAD for one in read) else tuple(read)

    def _nested(self, kind: type[Any], raw: Any, path: str) -> Any:
        if not isinstance(raw, Mapping):
            first = fields(kind)[0]
            self._fault(f"{path}.{first.name}", f"{path} must have named fields, not be {raw!r}", "…")
            return BAD
        before = len(self.faults)
        found = self.record(kind, raw, f"{path}.")
        return kind(**found) if len(self.faults) == before else BAD

    def _unknown(self, values: Mapping[str, Any], known: list[str], prefix: str) -> None:
        for name in values:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                what = "there is no such setting" + (f"; did you mean {prefix}{close[0]}?" if close else "")
                self.faults.append(ConfigError(prefix + name, what, f"`pulumi config rm --path '{prefix}{name}'`"))

    def _fault(self, path: str, what: str, example: object) -> None:
        self.faults.append(ConfigError(path, what, fix(path, example)))


def _example(one: "Field[Any]", kind: Any) -> object:
    if "example" in one.metadata:
        return one.metadata["example"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    return {bool: "false", int: 1}.get(kind, "…")


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reader(kind: Any) -> Callable[[Any], Any]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda raw: _member(kind, raw)
    return {bool: _flag, int: _number, str: _text, IPv4Network: _network}[kind]


def _flag(raw: Any) -> bool:
    known = {"true": True, "false": False}
    text = str(raw).lower()
    if text not in known:
        raise ValueError(f"must be true or false, not {raw!r}")
    return known[text]


def _number(raw: Any) -> int:
    if isinstance(raw, bool) or not str(raw).removeprefix("-").isdecimal():
        raise ValueError(f"must be a whole number, not {raw!r}")
    return int(raw)


def _text(raw: Any) -> str:
    if not isinstance(raw, str | int) or isinstance(raw, bool) or not str(raw).strip() or not str(raw).isprintable():
        raise ValueError(f"must be one line of text, not {raw!r}")
    return str(raw).strip()


def _member(kind: type[Enum], raw: Any) -> Enum:
    try:
        return kind(raw)
    except ValueError:
        raise ValueError(f"must be {', '.join(str(one.value) for one in kind)}, not {raw!r}") from None


def _network(raw: Any) -> IPv4Network:
    try:
        return IPv4Network(str(raw))
    except ValueError:
        pass
    try:
        meant = IPv4Network(str(raw), strict=False)
    except ValueError:
        raise ValueError(f"must be a network such as 10.20.0.0/16, not {raw!r}") from None
    raise ValueError(f"{raw} is an address in a network, not the network: did you mean {meant}?")
