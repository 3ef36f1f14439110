"""Measures how long the AWS program takes without an engine: start, import, every resource registered."""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench.rows import Row, seconds

_RUNS = 5
_ROOT = Path(__file__).parent.parent
_PROGRAM = """
import sys
from pathlib import Path
from tests.support.program import stack_graph
print(len(stack_graph(sys.argv[1], Path(sys.argv[2])).resources))
"""


def measure() -> list[Row]:
    """Run the program of each stack against mocks, in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for stack, promise in (("dev", ""), ("prod", "3 s")):
            resources = _run(stack, folder)  # also warms the disk cache
            values = tuple(seconds(partial(_run, stack, folder)) for _ in range(_RUNS))
            what = f"program of {stack}: {resources} resources, import and registration"
            rows.append(Row(what=what, values=values, unit="s", promise=promise))
    return rows


def _run(stack: str, folder: str) -> int:
    argv = [sys.executable, "-W", "ignore", "-c", _PROGRAM, stack, folder]
    done = subprocess.run(argv, cwd=_ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout)
