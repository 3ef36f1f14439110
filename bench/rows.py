"""One measured figure: its median, its spread and what was promised."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A figure of one run of the benchmarks."""

    what: str
    values: tuple[float, ...]
    unit: str
    promise: str = ""

    @property
    def line(self) -> str:
        """The row of a Markdown table: median, smallest and largest, how often, promise."""
        median, low, high = statistics.median(self.values), min(self.values), max(self.values)
        spread = f"{low:.2f} to {high:.2f}" if len(self.values) > 1 else ""
        return f"| {self.what} | {median:.2f} {self.unit} | {spread} | {len(self.values)} | {self.promise} |"


def seconds(work: Callable[[], object]) -> float:
    """Time one call of `work`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def table(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table."""
    head = "| what | median | spread | runs | promised |\n|---|---|---|---|---|\n"
    return head + "\n".join(row.line for row in rows) + "\n"
