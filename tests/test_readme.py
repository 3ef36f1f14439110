"""Everything that the README names exists: targets, verbs, folders, files."""

import re
from pathlib import Path

from scripts.cli import VERBS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE))
    assert named >= {"up", "down", "test", "check", "bench", "golden", "help"}
    assert [name for name in named if f"\n{name}:" not in makefile] == []


def test_the_table_of_verbs_is_the_commands_own() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", README, re.MULTILINE)
    named = [word for row in rows for word in set(re.findall(r"`([a-z]+)", row))]
    assert sorted(named) == sorted(VERBS)


def test_every_link_and_folder_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    folders = re.findall(r"^([a-z_]+/) ", README, re.MULTILINE)
    assert len(folders) > 5
    assert [name for name in (*links, *folders) if not (ROOT / name).exists()] == []
