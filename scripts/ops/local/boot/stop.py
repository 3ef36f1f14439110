"""Stops the local platform: drains the tasks, then stops the agents; removes its data when asked to."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil

from nomad_jobs.errors import BerthError
from scripts.ops.local import processes
from scripts.ops.local.boot import drains
from scripts.ops.local.boot.boot_plan import SERVER
from scripts.ops.local.containers import registry, whole
from scripts.ops.local.sessions import session
from scripts.ops.local.state import State, writing
from scripts.ops.local.supervision import Supervisor
from scripts.ops.progress import Progress

DRAIN_S = 120
_END_S = 20


def down(state: State, progress: Progress, *, deadline_s: float = DRAIN_S) -> str:
    """Stop everything that belongs to `state`; its data stays. Give what could not be removed from Docker, if anything.

    Tasks that still run after `deadline_s` seconds end with their agents.
    """
    if not state.exists():
        return ""
    with state.locked():
        return end(state, progress, deadline_s=deadline_s)


def end(state: State, progress: Progress, *, deadline_s: float = DRAIN_S) -> str:
    """Do the same while holding the lock of `state`."""
    supervisor = Supervisor(state)
    if supervisor.alive():
        with progress.step("tasks", "draining the nodes") as step:
            _drain(state, deadline_s, step.says)
        with progress.step("agents", "stopping") as step:
            _stop_agents(supervisor, step.says)
    if left := processes.of_state(state.root):
        with progress.step("left-overs", f"ending {len(left)} processes"):
            processes.end(left, deadline_s=_END_S)
    settings = state.settings()
    if settings.containers is None:
        return ""
    with progress.step("network", f"removing {settings.containers.network}"):
        kept = whole.release(settings)
    if kept:
        progress.note(f"[yellow]![/yellow] not removed: {kept}; run `berth down` again when Docker runs")
    return kept


def destroy(state: State, kept: str = "") -> None:
    """Remove the directory of a platform that is down.

    Raises:
        BerthError: a process of it still runs, something of it was `kept` in Docker, or it cannot be removed.

    """
    if kept:
        what = f"was not removed, since it says what is left in Docker: {kept}"
        raise BerthError(str(state.root), what, "start Docker, then run the same command again")
    if left := processes.of_state(state.root):
        raise BerthError(str(state.root), f"{len(left)} of its processes still run", "run `berth down` first")
    for point in _mounts(state.root):
        subprocess.run(["umount", point], check=False, capture_output=True)  # noqa: S607 - util-linux is everywhere
    with writing(state.root):
        shutil.rmtree(state.root)


def _drain(state: State, deadline_s: float, says: Callable[[str], None]) -> None:
    try:
        with session("Nomad", state.settings().nomad_url, state.key("nomad-bootstrap")) as nomad:
            nodes = [node for node in nomad.get("/v1/nodes") or () if node["Status"] == "ready"]
            left = drains.empty(nomad, nodes, deadline_s=deadline_s, says=says)
        says(f"still running, now killed: {', '.join(left)}" if left else "no task runs")
    except BerthError as error:
        says(f"Nomad cannot drain ({error.what}); its tasks end with it")


def _stop_agents(supervisor: Supervisor, says: Callable[[str], None]) -> None:
    """Stop nodes before their server, and Nomad before Consul, from which it deregisters its services."""
    known = sorted(supervisor.processes())
    nodes = [name for name in known if name.startswith("nomad-") and name != SERVER]
    consuls = [name for name in known if name.startswith("consul-")]
    for name in (*nodes, SERVER, "vault", *consuls, "consul", "aws", registry.PROGRAM, "unseal"):
        if name in known:
            says(f"stopping {name}")
            supervisor.stop(name)
    main = psutil.Process(supervisor.pid())
    supervisor.shutdown()
    says("stopping supervisord")
    main.wait(_END_S)


def _mounts(root: Path) -> list[str]:
    """List the mounts below `root`: Nomad unmounts the tmpfs of a task's secrets only at garbage collection."""
    points = [
        line.split()[1].encode().decode("unicode_escape") for line in Path("/proc/mounts").read_text().splitlines()
    ]
    return [point for point in points if Path(point).is_relative_to(root) and Path(point) != root]
