"""A value arrives as it was given but for the line end of its pipe, and what is wrong is said without showing it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.errors import ConfigError
from scripts.ops.secrets import values
from scripts.ops.secrets.values import Values

CANARY = "canary-0123456789"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1, max_size=60).filter(
    lambda text: not text.endswith("\n")
)


@given(TEXTS, st.sampled_from(["", "\n", "\r\n"]))
def test_any_text_arrives_without_the_one_line_end_of_its_pipe(text: str, end: str) -> None:
    if text.endswith("\r") and end == "\n":
        end = "\r\n"  # together they are one line end
    assert values.piped((text + end).encode(), "value") == Values({"value": text})


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), TEXTS, min_size=1))
def test_any_object_of_texts_arrives_as_it_is(fields: dict[str, str]) -> None:
    if any(not name.isprintable() for name in fields):
        return
    assert values.from_json(json.dumps(fields).encode()) == Values(fields)


@pytest.mark.parametrize("text", ["-x", "@/etc/passwd", "{{ .x }}", "$HOME", "a\nb", "x" * values.LONGEST_BYTES, "🔑"])
def test_what_other_tools_take_for_something_else_is_a_value_here(text: str) -> None:
    assert values.piped(text.encode()[: values.LONGEST_BYTES], "value").by_field == {"value": text}


def test_one_line_end_goes_and_a_second_stays_and_is_told() -> None:
    found = values.piped(b"key\n\n", "value")
    assert found.by_field == {"value": "key\n"}
    assert found.notes == ("value begins or ends with a blank or a line end, which stays",)
    assert values.piped(b"key\r\n", "value").notes == ()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "field value: is empty"),
        (b"\n", "field value: is empty"),
        (f"{CANARY}\0".encode(), "has a NUL at byte 18"),
        (CANARY.encode("utf-16"), "has a NUL at byte 4"),
        (CANARY.encode() + b"\xff\xfe", "is no UTF-8 after 17 characters"),
        (b"\xef\xbb\xbf" + CANARY.encode(), "begins with a byte order mark"),
        (CANARY.encode() * 40_000, "has more than 512 KiB"),
    ],
)
def test_what_is_no_value_is_refused_with_its_place_and_without_itself(raw: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        values.piped(raw, "value")
    assert said in str(caught.value)
    assert shown_of(caught.value) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{{"a": "{CANARY}"', "cannot be read: line 1, column"),
        (f'["{CANARY}"]', "is no object of field names and texts"),
        (f'"{CANARY}"', "is no object"),
        ("{}", "is no object"),
        (f'{{"a": {{"b": "{CANARY}"}}}}', "field a is no text"),
        ('{"a": null}', "field a is no text"),
        (f'{{"a": "{CANARY}", "a": "x"}}', "field a stands there twice"),
        ('{"a": ""}', "field a: is empty"),
        ("[" * 200_000, "cannot be read"),
        (f'{{"a": "{CANARY}\\u0000"}}', "field a: has a NUL at byte 18"),
        (f'{{"a": "{CANARY}\\ud800"}}', "field a: is no UTF-8 after 17 characters"),
        (f'{{"a": "\\ufeff{CANARY}"}}', "field a: begins with a byte order mark"),
        (f'{{"a": "{CANARY}", "b\\ud800": "x"}}', r"'b\ud800' is no name of a field"),
        (f'{{"a": "{CANARY}", "b\\u001b[2J": "x"}}', r"'b\x1b[2J' is no name of a field"),
        (f'{{"a": "{CANARY}", "": "x"}}', "'' is no name of a field"),
        (f'{{"a": "{CANARY}", "b": {"1" * 5000}}}', "a number in it is too long"),
    ],
)
def test_a_wrong_object_is_refused_with_its_place_and_without_itself(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        values.from_json(text.encode())
    assert said in str(caught.value)
    assert shown_of(caught.value) == []


def shown_of(error: BaseException | None) -> list[str]:
    """Every error of the chain that has the canary in what a traceback or a debugger shows of it."""
    found = []
    while error is not None:
        found += [repr(error)] if CANARY in f"{error!r} {error} {vars(error)}" else []
        error = error.__cause__ or error.__context__
    return found


def test_files_give_fields(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"of a\n")
    (tmp_path / "b").write_bytes(b"of\nb")
    found = values.from_files([f"certificate={tmp_path / 'a'}", f"private_key={tmp_path / 'b'}"])
    assert found == Values({"certificate": "of a", "private_key": "of\nb"})


def test_all_fields_together_may_be_as_long_as_one(tmp_path: Path) -> None:
    (tmp_path / "half").write_bytes(b"x" * (values.LONGEST_BYTES // 2))
    half = tmp_path / "half"
    assert len(values.from_files([f"a={half}", f"b={half}"]).by_field) == 2
    with pytest.raises(ConfigError, match="all fields together: has more than 512 KiB"):
        values.from_files([f"a={half}", f"b={half}", f"c={half}"])


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: has more than 512 KiB"):
        values.from_files(["a=/dev/zero"])


@pytest.mark.parametrize("pair", ["certificate", "=x", "a=", "a=/nonexistent/file", "a=/"])
def test_a_file_that_cannot_be_read_is_named(pair: str) -> None:
    with pytest.raises(ConfigError, match="--from-file"):
        values.from_files([pair])


def test_each_field_is_asked_for_once() -> None:
    assert values.asked(["user", "password"], lambda name: f"of {name}") == Values(
        {"user": "of user", "password": "of password"}
    )


def test_a_line_that_the_terminal_may_have_cut_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than a terminal's line"):
        values.asked(["value"], lambda _: "x" * 4095)


def test_a_generated_token_is_long_and_never_the_same() -> None:
    made = {values.generated("value", 32).by_field["value"] for _ in range(50)}
    assert len(made) == 50
    assert {len(one) for one in made} == {43}


def test_what_holds_values_shows_none() -> None:
    shown = f"{Values({'value': CANARY})!r}{values.piped(CANARY.encode(), 'value')}"
    assert CANARY not in shown
