"""Runs every benchmark and writes its section of docs/benchmarks.md."""

import sys

from bench import containers, images, infra, laptop, page, program, rendering, secrets
from bench.rows import table


def main() -> None:
    """Measure everything, print it, and write the page."""
    sections = {}
    for title, measure in (
        ("Rendering", rendering.measure),
        ("The platform on a laptop", laptop.measure),
        ("Our own images", images.measure),
        ("Containers on a laptop", containers.measure),
        ("A new version of a secret", secrets.measure),
        ("AWS, the program alone", program.measure),
        ("AWS, the real engine with moto in place of AWS", infra.measure),
    ):
        sections[title] = table(measure())
        sys.stdout.write(f"## {title}\n\n{sections[title]}\n")
    page.write("make bench", sections)


if __name__ == "__main__":
    main()
