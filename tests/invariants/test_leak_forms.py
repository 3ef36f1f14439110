"""The search for leaks sees a value in each form, whatever is before and after it, and nothing else."""

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.leaks.forms import Finding, Wanted

values = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=16, max_size=60)
around = st.binary(max_size=9)


def is_found(value: str, raw: bytes) -> bool:
    return Finding("here", "it") in set(Wanted({"it": value}).found("here", raw))


@given(values, around, around)
def test_it_is_seen_as_it_is_in_hex_and_in_base64(value: str, before: bytes, after: bytes) -> None:
    raw = before + value.encode() + after
    for text in (
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        base64.b64encode(raw),
        base64.urlsafe_b64encode(raw),
    ):
        assert is_found(value, text)


@given(values, st.text(max_size=9), st.text(max_size=9))
def test_it_is_seen_in_json_and_in_an_address(value: str, before: str, after: str) -> None:
    whole = f"{before}{value}{after}"
    for text in (json.dumps(whole), json.dumps(whole, ensure_ascii=False), quote(whole, safe=""), quote_plus(whole)):
        assert is_found(value, text.encode(errors="surrogatepass"))


@given(st.from_regex(r"[A-Za-z0-9]{16,60}", fullmatch=True), st.binary(max_size=200))
def test_nothing_is_seen_where_it_is_not(value: str, raw: bytes) -> None:
    """For words alone: sixteen spaces are sixteen `+` in an address, and those stand for themselves elsewhere."""
    assume(value.encode() not in raw)
    assert not is_found(value, raw)
