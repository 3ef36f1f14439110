"""Counts what the program has parsed since its start."""

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Requests, and lines by format; `error` counts lines that could not be parsed."""

    started: float = field(default_factory=time.time)
    requests: int = 0
    lines: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        """Show the tally; `uptime_s` in seconds."""
        return {"uptime_s": round(time.time() - self.started, 1), "requests": self.requests, "lines": dict(self.lines)}
