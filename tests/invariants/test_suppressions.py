"""A rule of the linter or of the type checker is switched off in few places, and each of them says why."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.invariants.tree import named, tracked

FEWER_THAN = 40
SUPPRESSION = re.compile(r"#\s*(ruff:\s*)?noqa\b|#\s*type:\s*ignore\b")
REASONED = re.compile(r"noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S")


def suppressions(path: Path) -> Iterator[tuple[str, str]]:
    """Place and text of each comment that suppresses a rule."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT and SUPPRESSION.match(token.string):
            yield f"{named(path)}:{token.start[0]}", token.string


FOUND = dict(found for path in tracked("*.py") for found in suppressions(path))


def test_there_are_few_suppressions() -> None:
    assert len(FOUND) < FEWER_THAN, f"{len(FOUND)} suppressions:\n" + "\n".join(sorted(FOUND))


def test_types_are_ignored_in_fewer_than_ten_places() -> None:
    assert sum("ignore" in text for text in FOUND.values()) < 10


def test_each_noqa_says_why() -> None:
    silent = [f"{place}: {text}" for place, text in FOUND.items() if "noqa" in text and not REASONED.search(text)]
    assert not silent, "\n" + "\n".join(silent)
