"""The verb `down`."""

from typing import Annotated

import typer

from scripts.ops.local.boot import stop
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from scripts.ops.questions import confirm


def run(
    *,
    destroy: Annotated[bool, typer.Option("--destroy", help="Remove its data too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    deadline_s: Annotated[float, typer.Option(min=1, help="Seconds for tasks to stop by themselves.")] = 120,
) -> None:
    """Stop the platform on this machine; its data stays.

    `berth up` starts it again.
    """
    state = State.default()
    progress = Progress()
    if destroy and state.exists():
        confirm(f"stop the local platform and remove {state.root} with all its data", yes=yes)
    kept = stop.down(state, progress, deadline_s=deadline_s)
    if destroy and state.exists():
        stop.destroy(state, kept)
        progress.note(f"removed {state.root}")
