"""Runs every benchmark and writes docs/benchmarks.md."""

import datetime as dt
import platform
import sys
from pathlib import Path

import psutil

from bench import infra, laptop, program, rendering
from bench.rows import table

_PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Measure everything, print it, and write the page."""
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"
    page = f"# Benchmarks\n\nMade by `make bench` on {dt.datetime.now(dt.UTC):%Y-%m-%d}: {machine}.\n"
    for title, measure in (
        ("Rendering", rendering.measure),
        ("The platform on a laptop", laptop.measure),
        ("AWS, the program alone", program.measure),
        ("AWS, the real engine with moto in place of AWS", infra.measure),
    ):
        section = table(title, measure())
        sys.stdout.write(section + "\n")
        page += "\n" + section
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text(page)


if __name__ == "__main__":
    main()
