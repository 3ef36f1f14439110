"""A program that fails: which step it was, why, and what to do."""

import re

import pytest

from nomad_jobs.errors import AuthError, BerthError, Exit
from scripts.ops.build import steps

SAID = {
    "mkdir: cannot create directory: No space left on device": "the disk is full",
    "Error: committing image: write /x: disk quota exceeded": "the disk is full",
    "E: Unable to locate package no-such-package": "Debian's archive does not have it",
    "Err:1 http://deb.debian.org/debian bookworm\n  Temporary failure resolving 'deb.debian.org'": (
        "Debian's archive cannot be reached"
    ),
    "Error: trying to reuse blob: unauthorized: authentication required": "the registry refuses this login",
    "dial tcp 127.0.0.1:1: connect: connection refused": "the other side cannot be reached",
    "something of its own": "tool failed: something of its own",
}


@pytest.mark.parametrize("said", SAID)
def test_what_a_program_says_becomes_a_cause(said: str) -> None:
    error = steps.failure("image chat: push", "tool", said)
    assert str(error).startswith(f"image chat: push: {SAID[said]}")
    assert error.fix


def test_who_may_not_is_told_so_by_the_exit_code() -> None:
    assert steps.failure("x", "skopeo", "403 Forbidden").code == Exit.AUTH
    assert isinstance(steps.failure("x", "skopeo", "unauthorized: authentication required"), AuthError)


def test_the_telling_line_is_quoted_and_not_the_last() -> None:
    said = "I: running\nE: setup failed: no mirror\nI: cleaning up\n"
    with pytest.raises(BerthError, match=re.escape("base x: sh failed: E: setup failed: no mirror")):
        steps.run("base x", ["sh", "-c", f"printf '{said}' >&2; exit 3"])


def test_what_works_gives_its_output() -> None:
    assert steps.run("x", ["sh", "-c", "echo $WORD"], env={"WORD": "hello"}) == "hello\n"
