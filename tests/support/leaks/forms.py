"""The forms in which a value may stand somewhere: as it is, quoted for URLs or JSON, in hex, in base64."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

_PREFIXES = (b"", b"a", b"aa")
"""How many bytes before a value decide which of three texts stands for it in base64."""


def forms(value: str) -> frozenset[bytes]:
    """Give the texts that stand for `value`, whatever is before and after it."""
    raw = value.encode()
    quoted = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe=""), quote(value)}
    hexed = {raw.hex(), raw.hex().upper()}
    plain = {value, quote_plus(value), *quoted, *hexed}
    return frozenset({one.encode() for one in plain} | set(_in_base64(raw)))


def _in_base64(raw: bytes) -> Iterator[bytes]:
    for prefix in _PREFIXES:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(prefix + raw)
            first = -(-len(prefix) * 8 // 6)  # characters that also hold bits of what is before
            last = (len(prefix) + len(raw)) * 8 // 6  # and of what comes after
            yield text[first:last]


@dataclass(frozen=True)
class Finding:
    """A value that stands where it should not, by its name; the value itself is never shown."""

    place: str
    name: str


class Wanted:
    """Values by name; finds which of them stand in some bytes."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {form: name for name, value in values.items() for form in forms(value)}
        assert all(len(form) >= 8 for form in self._names), "a value so short is found everywhere"
        self._pattern = re.compile(b"|".join(map(re.escape, sorted(self._names, key=len, reverse=True))))

    def found(self, place: str, raw: bytes) -> Iterator[Finding]:
        """Yield each value that is in `raw`, once."""
        for form in {match[0] for match in self._pattern.finditer(raw)}:
            yield Finding(place, self._names[form])

    def names_in(self, texts: Iterable[tuple[str, bytes]]) -> set[Finding]:
        """Look into many places."""
        return {finding for place, raw in texts for finding in self.found(place, raw)}
