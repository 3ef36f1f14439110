"""Puts a boot plan on the disk and into supervisord: writes and restarts only what differs."""

from collections.abc import Mapping

from nomad_jobs.errors import BerthError
from scripts.ops.local.boot.boot_plan import Boot
from scripts.ops.local.state import State, writing
from scripts.ops.local.supervision import Supervisor, conf


def write(state: State, boot: Boot, env: Mapping[str, str]) -> None:
    """Write every folder, file and link of the plan, and supervisord's own configuration."""
    with writing(state.root):
        for folder in boot.folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in boot.touched:
            path.touch(mode=0o600)
        for path, target in boot.links.items():
            if not path.is_symlink() or path.readlink() != target:
                path.unlink(missing_ok=True)
                path.symlink_to(target)
    for path, text in boot.files.items():
        state.write(path, text)
    state.write(state.run / "supervisord.conf", conf(state, boot.programs, env))


def supervise(supervisor: Supervisor, env: Mapping[str, str]) -> None:
    """Have supervisord know exactly what `write` wrote down; a program whose configuration differs is stopped.

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


def surplus(supervisor: Supervisor, boot: Boot) -> list[str]:
    """Nodes that run and are in the plan no more: they are drained before they are stopped."""
    try:
        known = supervisor.processes()
    except BerthError:
        return []
    return sorted(known.keys() - {program.name for program in boot.programs})
