"""Keys, watched files and limits: the pieces that every app stands on."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from nomad_jobs.apps.serving.answers import ApiError, ClientGoneError, read_body, while_connected
from nomad_jobs.apps.serving.bearer import accepts
from nomad_jobs.apps.serving.run import Listener, exit_code, serve
from nomad_jobs.apps.serving.watched import WatchedJson, parse_key, parse_keys
from nomad_jobs.errors import ConfigError

NO_KEYS = ("", " ", "null", "<no value>", None, 3)
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(st.lists(printable, min_size=1, max_size=4), printable)
def test_exactly_the_given_keys_are_accepted(keys: list[str], other: str) -> None:
    assert all(accepts(f"Bearer {key}", keys) and accepts(f"bearer {key}", keys) for key in keys)
    assert accepts(f"Bearer {other}", keys) == (other in keys)
    assert not accepts(f"Basic {keys[0]}", keys)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer "])
def test_no_key_is_never_accepted(header: str | None) -> None:
    assert not accepts(header, ["key"])
    assert not accepts(header, [])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.write_text('{"key": "one"}')
    return path


def replace(path: Path, text: str) -> None:
    """Write a file as Nomad does: a new file replaces the old one."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.replace(path)


def test_a_rewritten_file_counts_at_the_next_question(file: Path) -> None:
    watched = WatchedJson(file, parse_key)
    assert watched.value == "one"
    replace(file, '{"key": "two"}')
    assert watched.value == "two"


LONE_SURROGATE = "\ud800".encode("utf-8", "surrogatepass")
BROKEN = ["", "{", "[]", '{"key": ""}', '{"key": 3}', '{"key": null}', '{"key": "null"}', LONE_SURROGATE]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_rewrite_leaves_the_last_good_content_and_is_logged_without_it(
    file: Path, broken: str | bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = WatchedJson(file, parse_key)
    file.write_bytes(broken.encode() if isinstance(broken, str) else broken)
    assert watched.value == "one"
    assert watched.value == "one"
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in logged] == ["reload-failed"]
    replace(file, '{"key": "two"}')
    assert watched.value == "two"


def test_a_list_of_keys_is_read_whole_and_refused_whole() -> None:
    assert parse_keys({"keys": ["s-one", " s-two\n"]}) == ("s-one", "s-two")
    bad: list[object] = [None, [], {}, {"keys": []}, {"keys": "one"}, *({"keys": ["s-one", key]} for key in NO_KEYS)]
    for broken in bad:
        with pytest.raises(ValueError, match=r'expected {"keys"') as caught:
            parse_keys(broken)
        assert "s-" not in str(caught.value)


def test_a_file_that_vanishes_leaves_the_last_content(file: Path) -> None:
    watched = WatchedJson(file, parse_key)
    file.unlink()
    assert watched.value == "one"


@pytest.mark.parametrize("content", ["{", '{"key": 3, "other": "s-secret"}'])
def test_a_broken_file_at_the_start_is_refused_without_showing_it(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"key\.json") as caught:
        WatchedJson(file, parse_key)
    assert "s-secret" not in str(caught.value)


def request(chunks: list[bytes]) -> Request:
    left: Iterator[Message] = iter(
        [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks] + [{"type": "http.request"}]
    )

    async def receive() -> Message:
        return next(left)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_a_body_is_read_up_to_its_limit_and_no_further() -> None:
    assert asyncio.run(read_body(request([b"12", b"34"]), 4)) == b"1234"
    with pytest.raises(ApiError) as caught:
        asyncio.run(read_body(request([b"12", b"345", b"never read"]), 4))
    assert caught.value.status == 413


def test_work_is_unwound_before_a_client_that_left_is_reported() -> None:
    unwound = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            unwound.append(True)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGoneError):
        asyncio.run(while_connected(receive, work()))
    assert unwound == [True]


def test_a_port_in_use_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    async def app(*_: object) -> None:
        """Answer nothing: it never gets that far."""

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listener = Listener(app=app, host="127.0.0.1", port=port)
        assert exit_code(lambda: serve([listener], shutdown_timeout_s=1)) == 2
    line = json.loads(capsys.readouterr().out)
    assert line["reason"] == f"127.0.0.1:{port}: cannot listen: Address already in use — give another --host or port"
