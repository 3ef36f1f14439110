"""Kills `berth up` in the middle, as a crash or an impatient person does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.ops.local.state import State

REPOSITORY = Path(__file__).parents[2]


def kill_up_at(moment: str, state: State, ports: Mapping[str, int]) -> None:
    """Start it for `state`, and kill it once it says `moment`."""
    pairs = [part for name, number in ports.items() for part in ("--port", f"{name}={number}")]
    with subprocess.Popen(
        [sys.executable, "-m", "scripts", "up", "--no-deploy", *pairs],
        env={**os.environ, "BERTH_STATE_DIR": str(state.root)},
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    ) as up:
        assert up.stderr is not None
        said = []
        for line in up.stderr:
            said.append(line)
            if moment in line:
                up.kill()
                return
    raise AssertionError(f"{moment!r} never came: {''.join(said)}")
