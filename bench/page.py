"""The page of results: each command writes its own sections, and leaves those of the others."""

import datetime as dt
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import psutil

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_TITLE = "# Benchmarks\n"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def write(command: str, tables: Mapping[str, str]) -> None:
    """Write the tables, by title, as made by `command` today; sections that are new come last."""
    found = _sections(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "")
    made = f"Made by `{command}` on {dt.datetime.now(dt.UTC):%Y-%m-%d}: {_machine()}."
    found |= {title: f"{made}\n\n{table.strip()}" for title, table in tables.items()}
    texts = (f"\n## {title}\n\n{text}\n" for title, text in found.items())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(_TITLE + "".join(texts), encoding="utf-8")


def _sections(page: str) -> dict[str, str]:
    """Read the sections of a page, by title and in their order."""
    _, *parts = _SECTION.split(page)
    return dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"
