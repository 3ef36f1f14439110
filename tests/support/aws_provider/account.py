"""A record of what moto does not hold, so that nothing is kept in Pulumi's state alone without notice."""

import json
import os
import threading
from pathlib import Path

PATH = "BERTH_AWS_ACCOUNT"
"""Environment variable: the file to append lines to, one JSON object each."""

_lock = threading.Lock()


def kept(kind: str, key: str, why: str) -> None:
    """Record that input `key` of a `kind` lives in Pulumi's state only, where drift of it cannot be seen."""
    target = os.environ.get(PATH)
    if not target:
        return
    with _lock, Path(target).open("a") as lines:
        lines.write(json.dumps({"type": kind, "key": key, "why": why}) + "\n")


def read(path: Path) -> dict[str, str]:
    """Give each kept input, as `type key`, with the reason; sorted."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return dict(sorted((f"{row['type']} {row['key']}", row["why"]) for row in rows))
