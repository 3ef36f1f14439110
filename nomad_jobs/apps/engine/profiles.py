"""How fast a model answers: time to first token and time per output token, from the published H200 rows.

Source: "Benchmarking big OSS LLMs on a 16x H200 cluster", 27 Apr 2026; its results lie beside this file.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.errors import ConfigError

SOURCE = "Benchmarking big OSS LLMs on a 16x H200 cluster, 27 Apr 2026"
RESULTS = Path(__file__).with_name("h200_results.csv")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One published measurement: a traffic profile and what it gave, times in milliseconds."""

    profile: str
    input_len: int
    max_concurrency: int
    ttft_ms: float
    tpot_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """One model's three published rows, and the interpolation between them.

    Between one and sixteen running requests both times grow linearly from `single` to `loaded`. A longer prompt
    multiplies them by a factor that grows linearly with its length, up to the one that gives the published `long`
    row at its own length and concurrency. Outside the measured range the nearest measured point holds.
    """

    model_id: str
    name: str
    shape: str
    engine: str
    single: Row
    loaded: Row
    long: Row

    @property
    def rows(self) -> tuple[Row, Row, Row]:
        """The three published rows."""
        return self.single, self.loaded, self.long

    def ttft_s(self, prompt_tokens: int, running: int) -> float:
        """Seconds from admission to the first token while `running` requests run, this one included."""
        at = (self.single.ttft_ms, self.loaded.ttft_ms, self.long.ttft_ms)
        return self._between(at, prompt_tokens, running) / 1000

    def tpot_s(self, prompt_tokens: int, running: int) -> float:
        """Seconds between two output tokens while `running` requests run, this one included."""
        at = (self.single.tpot_ms, self.loaded.tpot_ms, self.long.tpot_ms)
        return self._between(at, prompt_tokens, running) / 1000

    def _between(self, at: tuple[float, float, float], prompt_tokens: int, running: int) -> float:
        single, loaded, long = at
        full = long / (single + self._load(self.long.max_concurrency) * (loaded - single))
        length = _share(prompt_tokens, self.single.input_len, self.long.input_len)
        return (single + self._load(running) * (loaded - single)) * (1 + length * (full - 1))

    def _load(self, running: int) -> float:
        return _share(running, self.single.max_concurrency, self.loaded.max_concurrency)


def _share(value: int, low: int, high: int) -> float:
    """Tell how far `value` is on the way from `low` to `high`, held to 0..1."""
    return min(max((value - low) / (high - low), 0.0), 1.0)


def read_speed(model_id: str, results: Path = RESULTS) -> Speed:
    """Read the rows of `model_id` that the published comparison used.

    Raises:
        ConfigError: nobody published its speed; the message lists the models that have rows.

    """
    with results.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["used_in_comparison"] == "yes"]
    mine = [row for row in rows if row["model_id"] == model_id]
    if not mine:
        known = ", ".join(sorted({row["model_id"] for row in rows}))
        raise ConfigError("--model", f"no speed was published for {model_id!r}", f"one of: {known}")
    return _speed(mine)


def _speed(rows: list[dict[str, str]]) -> Speed:
    first = rows[0]
    kinds = {row["profile"].split("-")[0]: _row(row) for row in rows}
    return Speed(
        model_id=first["model_id"],
        name=first["model"],
        shape=first["shape"],
        engine=first["engine"],
        single=kinds["latency"],
        loaded=kinds["serve"],
        long=kinds["longctx"],
    )


def _row(row: dict[str, str]) -> Row:
    return Row(
        profile=row["profile"],
        input_len=int(row["input_len"]),
        max_concurrency=int(row["max_concurrency"]),
        ttft_ms=float(row["ttft_ms"]),
        tpot_ms=float(row["tpot_ms"]),
    )


def longest_request(rows: Iterable[Row], output_len: int = 256) -> int:
    """Tell how many tokens the longest measured request had, prompt and output together."""
    return max(row.input_len for row in rows) + output_len
