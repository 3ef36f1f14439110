"""Commands that people can copy: with the program's place and the token that a laptop has for it."""

import os
from pathlib import Path

from nomad_jobs.platform import Platform
from scripts.ops.local.state import State
from scripts.ops.toolchain import cache


def nomad(words: str, platform: Platform) -> str:
    """Write `nomad WORDS`, as it works in this shell."""
    if not platform.is_laptop:
        return f"nomad {words}"
    key = Path(os.path.relpath(State.default().keys / "nomad-bootstrap"))
    address = "" if platform.nomad_url.endswith(":4646") else f"NOMAD_ADDR={platform.nomad_url} "
    return f"{address}NOMAD_TOKEN=$(cat {key}) {_at_home(cache.bin_dir() / 'nomad')} {words}"


def _at_home(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
