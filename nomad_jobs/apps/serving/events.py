"""Logs one line of JSON on stdout for each event: Nomad collects it, `jq` reads it, and it holds no secret."""

import json
from datetime import UTC, datetime


def log(event: str, **fields: object) -> None:
    """Print `event` with its `fields`; the time `at` is UTC, ISO 8601, to the millisecond."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"at": at, "event": event, **fields}, default=str), flush=True)
