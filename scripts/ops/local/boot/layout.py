"""Writes a boot plan to the disk and loads it into supervisord: it writes and restarts only what differs."""

from collections.abc import Mapping

from nomad_jobs.errors import BerthError
from scripts.ops.local.boot.boot_plan import BootPlan
from scripts.ops.local.state import State, writing
from scripts.ops.local.supervision import Supervisor, conf


def write(state: State, plan: BootPlan, env: Mapping[str, str]) -> None:
    """Write every folder, file and link of the plan, and supervisord's own configuration."""
    with writing(state.root):
        for folder in plan.folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in plan.touched:
            path.touch(mode=0o600)
        for path, target in plan.links.items():
            if not path.is_symlink() or path.readlink() != target:
                path.unlink(missing_ok=True)
                path.symlink_to(target)
    for path, text in plan.files.items():
        state.write(path, text)
    state.write(state.run / "supervisord.conf", conf(state, plan.programs, env))


def supervise(supervisor: Supervisor, env: Mapping[str, str]) -> None:
    """Load the configuration that `write` wrote; supervisord stops each program whose part of it differs.

    Raises:
        BerthError: supervisord does not start.

    """
    if not supervisor.alive():
        supervisor.start(env)
        return
    added, changed, removed = supervisor.reread()
    for name in sorted(changed | removed):
        supervisor.remove(name)
    for name in sorted(changed | added):
        supervisor.add(name)


def surplus(supervisor: Supervisor, plan: BootPlan) -> list[str]:
    """Name the nodes that run but are no longer in the plan: they are drained before they are stopped."""
    try:
        known = supervisor.processes()
    except BerthError:
        return []
    return sorted(known.keys() - {program.name for program in plan.programs})
