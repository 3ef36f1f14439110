"""Takes the values of a secret: from stdin, from files, from a hidden prompt, or made here; never from an argument."""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nomad_jobs.errors import ConfigError

LONGEST_BYTES = 512 * 1024
"""Of all values of a secret together. Vault's storage takes entries of 1 MiB, and consul-template keeps copies."""
_TERMINAL_BYTES = 4095
"""A terminal cuts a line that is longer, and says nothing."""
_STDIN = "the value on stdin"


@dataclass(frozen=True, slots=True)
class Values:
    """Values by field; `repr` shows none."""

    by_field: Mapping[str, str] = field(repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about them and is kept as it is."""
        return tuple(
            f"{name} begins or ends with a blank or a line end, which stays"
            for name, value in self.by_field.items()
            if value != value.strip()
        )


def piped(raw: bytes, name: str) -> Values:
    """Take the value of the field `name` from stdin: one line end at its end is the pipe's, and goes.

    Raises:
        ConfigError: it is empty, no UTF-8, holds NUL, or is too long; the message says where and shows nothing of it.

    """
    return _checked({name: _text(raw, _STDIN)})


def from_json(raw: bytes) -> Values:
    """Take several fields from a JSON object on stdin, whose values are texts; raises as `piped` does."""
    text = _text(raw, "the JSON on stdin")
    found = _parsed(text)
    if not isinstance(found, _Pairs) or not found.pairs:
        raise ConfigError("the JSON on stdin", "is no object of field names and texts", 'such as {"value": "…"}')
    names = [name for name, _ in found.pairs]
    for name, value in found.pairs:
        _refuse_no_name(name)
        if not isinstance(value, str):
            raise ConfigError("the JSON on stdin", f"field {name} is no text", "put its value in quotes")
        if names.count(name) > 1:
            raise ConfigError("the JSON on stdin", f"field {name} stands there twice", "leave one of them out")
    return _checked(dict(found.pairs))


def from_files(pairs: Iterable[str]) -> Values:
    """Take fields from files, each named as `field=path`; raises as `piped` does."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not separator or not path or name in found:
            raise ConfigError(f"--from-file {pair}", "is no field and file", "write field=path, each field once")
        try:
            with Path(path).open("rb") as file:
                raw = file.read(LONGEST_BYTES + 1)  # a device has no end
        except OSError as error:
            raise ConfigError(f"--from-file {pair}", f"cannot be read ({error.strerror})") from None
        found[name] = _text(raw, path)
    return _checked(found)


def generated(name: str, length: int) -> Values:
    """Make a token of `length` random bytes, as text that is safe in a URL."""
    return Values({name: secrets.token_urlsafe(length)})


def asked(names: Sequence[str], ask: Callable[[str], str]) -> Values:
    """Have `ask` prompt for each field, hidden and twice.

    Raises:
        ConfigError: a value is as long as a terminal's line can be, so its end may be lost.

    """
    found = {name: ask(name) for name in names}
    for name, value in found.items():
        if len(value.encode(errors="surrogateescape")) >= _TERMINAL_BYTES:
            raise ConfigError(name, "is longer than a terminal's line, which was cut", "pipe it to stdin instead")
    return _checked({name: _text(value.encode(errors="surrogateescape"), name) for name, value in found.items()})


@dataclass(frozen=True, slots=True)
class _Pairs:
    pairs: Sequence[tuple[str, Any]] = field(repr=False)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
    except RecursionError:
        where = "too deep"
    except ValueError:
        where = "a number in it is too long"
    raise ConfigError("the JSON on stdin", f"cannot be read: {where}")  # outside: the cause would hold the text


def _text(raw: bytes, where: str) -> str:
    """Decode a value, and take away the one line end that files and pipes add."""
    _refuse_too_long(len(raw), where)
    text = raw.decode(errors="surrogateescape")
    _refuse_no_text(text, where)
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def _refuse_no_name(name: str) -> None:
    if not name.isprintable() or not name:
        raise ConfigError("the JSON on stdin", f"{name!a} is no name of a field", "use letters, digits and _ . -")


def _refuse_too_long(length: int, where: str) -> None:
    if length > LONGEST_BYTES:
        what = f"has more than {LONGEST_BYTES // 1024} KiB"
        raise ConfigError(where, what, "keep it in a bucket, and here the key that opens it")


def _refuse_no_text(text: str, where: str) -> None:
    if (at := text.find("\0")) >= 0:
        fix = "is it UTF-16, or no text? Write text as UTF-8, and binary data as base64"
        raise ConfigError(where, f"has a NUL at byte {len(text[:at].encode(errors='surrogateescape')) + 1}", fix)
    if (bad := next((at for at, one in enumerate(text) if "\ud800" <= one <= "\udfff"), None)) is not None:
        raise ConfigError(where, f"is no UTF-8 after {bad} characters", "write binary data as base64")
    if text.startswith("\ufeff"):
        raise ConfigError(where, "begins with a byte order mark", "save it without, as UTF-8")


def _checked(found: dict[str, str]) -> Values:
    """Check the values once more, since JSON may write in ASCII what is no text."""
    for name, value in found.items():
        if not value:
            raise ConfigError(f"field {name}", "is empty", "a secret has a value; check what fills the pipe or file")
        _refuse_no_text(value, f"field {name}")
    _refuse_too_long(sum(len(value.encode()) for value in found.values()), "all fields together")
    return Values(found)
