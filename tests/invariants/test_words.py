"""One noun for one thing: docs/words.md names each word once, and nothing says what it has retired."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.invariants.tree import ROOT, named, tracked

WORDS = ROOT / "docs" / "words.md"
READ = (".py", ".md", ".sh", ".j2", ".hcl", ".ctmpl", ".toml")
GOLDEN = ROOT / "tests" / "golden"


def rows(text: str) -> list[tuple[str, str]]:
    """The rows of a Markdown table of two columns, below its heading."""
    return re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)[1:]


def pattern(phrase: str) -> re.Pattern[str]:
    """The phrase as whole words, also within a name of code, and across the end of a line or of a comment's line."""
    spelled = r"[\s#_]+".join(map(re.escape, phrase.split()))
    return re.compile(rf"(?<![a-z]){spelled}(?![a-z])", re.IGNORECASE)


CURRENT, _, RETIRED = WORDS.read_text().partition("\n## Retired\n")
INSTEAD = {phrase: instead for phrases, instead in rows(RETIRED) for phrase in phrases.split(", ")}
PATTERNS = {phrase: pattern(phrase) for phrase in INSTEAD}
FILES = [
    path
    for path in tracked()
    if (path.suffix in READ or path.name == "Makefile") and path != WORDS and not path.is_relative_to(GOLDEN)
]
FOLDERS = sorted({named(path).partition("/")[0] for path in FILES})


def retired(path: Path) -> Iterator[str]:
    text = path.read_text()
    for phrase, spelling in PATTERNS.items():
        for found in spelling.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{named(path)}:{line}: says '{phrase}' — say {INSTEAD[phrase]}"


def test_the_table_of_retired_words_is_read() -> None:
    assert len(INSTEAD) >= 10


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_says_a_retired_word(folder: str) -> None:
    files = [path for path in FILES if named(path).partition("/")[0] == folder]
    found = [fault for path in files for fault in retired(path)]
    assert not found, "\n" + "\n".join(found)


def test_a_word_has_one_row() -> None:
    retired_words = [phrase for phrases, _ in rows(RETIRED) for phrase in phrases.split(", ")]
    counts = Counter([*(word for word, _ in rows(CURRENT)), *retired_words])
    assert [word for word, count in counts.items() if count > 1] == []
