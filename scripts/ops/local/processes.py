"""Finds the processes of a state directory, and the owner of a port that the platform needs."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from nomad_jobs.errors import BerthError, DeadlineError, raise_all
from scripts.ops.waiting import wait_until

_LAST_PORT = 65_535
_FURTHER = 10_000
MARK = "BERTH_PLATFORM"
"""Environment variable that every process of a platform inherits: the path of its state directory.

A path in a command line or a working directory is not enough: an editor, a `tail -f` of a log or a shell in the
state directory must not be ended.
"""
_SETTLE_S = 1
_ANY = {"0.0.0.0", "::", "*"}  # noqa: S104 - addresses that are compared, not bound


@dataclass(frozen=True, slots=True)
class Owner:
    """Who listens on a port."""

    port: int
    pid: int | None
    """None: another user's process, which only root may see."""
    program: str

    def __str__(self) -> str:
        return f"{self.program} (pid {self.pid})" if self.pid else "a process of another user"


def of_state(root: Path) -> list[psutil.Process]:
    """List the processes of the platform in `root`: agents, their helpers and tasks."""
    return [process for process in psutil.process_iter() if _belongs(process, root)]


def program(process: psutil.Process) -> Path | None:
    """Give the file that a process runs; None if it has just ended: helpers and checks live for milliseconds."""
    try:
        return Path(process.exe())
    except (psutil.Error, OSError):
        return None


def end(processes: Iterable[psutil.Process], *, deadline_s: float) -> None:
    """Ask processes to end, and kill those that have not after `deadline_s` seconds.

    Raises:
        BerthError: some still live.

    """
    waiting = list(processes)
    for process in waiting:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(waiting, timeout=deadline_s)
    for process in alive:
        _quietly(process.kill)
    _, alive = psutil.wait_procs(alive, timeout=deadline_s)
    if alive:
        raise BerthError("processes", f"cannot be ended: {', '.join(map(str, alive))}", "end them by hand")


def owners(ports: Iterable[int]) -> dict[int, Owner]:
    """Find who listens on each of `ports`, on loopback or on every address; free ones are left out."""
    wanted = set(ports)
    found = {}
    for connection in psutil.net_connections("inet"):
        is_listening = connection.status == psutil.CONN_LISTEN or (
            connection.type.name == "SOCK_DGRAM" and not connection.raddr
        )
        address = connection.laddr
        if is_listening and address and address.port in wanted and _is_local(address.ip):
            found[address.port] = Owner(address.port, connection.pid, _program(connection.pid))
    return found


def refuse_foreign(ports: Mapping[str, int], root: Path, others: Collection[int] = ()) -> None:
    """Check that no other process holds one of `ports` (by name); those with the ids `others` hold them for `root`.

    Raises:
        BerthError: one does; every such port is named, with its owner and how to choose another.

    """
    found: dict[str, Owner] = {}

    def missing() -> str | None:
        found.clear()
        found.update(_foreign(ports, root, others))
        return ", ".join(found) or None

    # A process of ours that is just ending still holds its port, and can no longer be recognised as ours.
    with suppress(DeadlineError):
        wait_until(missing, where="ports", what="their being free", deadline_s=_SETTLE_S)
    raise_all(
        BerthError(
            f"port {name}",
            f"{owner.port} is taken by {owner}; nothing was started",
            f"end that process, or choose another port: berth up --port {name}={another(owner.port)}",
        )
        for name, owner in found.items()
    )


def _foreign(ports: Mapping[str, int], root: Path, others: Collection[int]) -> dict[str, Owner]:
    taken = owners(ports.values())
    ours = {*others, *(process.pid for process in of_state(root))} if taken else set()
    return {name: taken[port] for name, port in ports.items() if port in taken and taken[port].pid not in ours}


def another(port: int) -> int:
    """Suggest a port in place of one that is taken: easy to remember, and seldom in use."""
    return port + _FURTHER if port + _FURTHER <= _LAST_PORT else port - _FURTHER


def _belongs(process: psutil.Process, root: Path) -> bool:
    try:
        if process.environ().get(MARK) == str(root):
            return True
        # NGINX overwrites its environment; but a task runs in its allocation's folder, without a terminal.
        return _is_task_folder(Path(process.cwd()), root) and process.terminal() is None
    except (psutil.Error, OSError):
        return False


def _is_task_folder(folder: Path, root: Path) -> bool:
    parts = folder.relative_to(root).parts if folder.is_relative_to(root) else ()
    match parts:
        case (node, "alloc", _, *_):
            return node.startswith("nomad-")
    return False


def _is_local(address: str) -> bool:
    return address in _ANY or address.startswith(("127.", "::1", "::ffff:127."))


def listening(pids: set[int]) -> list[tuple[str, int, int]]:
    """List address, port and process id of every TCP socket on which `pids` listen."""
    return [
        (one.laddr.ip, one.laddr.port, one.pid)
        for one in psutil.net_connections("inet")
        if one.pid in pids and one.pid and one.laddr and one.status == psutil.CONN_LISTEN
    ]


def _program(pid: int | None) -> str:
    try:
        return psutil.Process(pid).name() if pid else ""
    except psutil.Error:
        return "a process that just ended"


def _quietly(action: Callable[[], None]) -> None:
    with suppress(psutil.Error):  # it ended by itself in between
        action()
