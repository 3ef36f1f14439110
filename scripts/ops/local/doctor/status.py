"""Lists what runs on a laptop: agents with their memory, nodes with their GPUs."""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from nomad_jobs.errors import BerthError
from scripts.ops.clients.nomad import Nomad
from scripts.ops.local import processes
from scripts.ops.local.containers.processes import tasks
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Process, Supervisor

_EXITED = re.compile(r" exited: (\S+) ")
_BEGUN = "supervisord started with pid"
_LIVE = {"running", "pending", "unknown"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """One program of supervisord, or a group of other processes (`pid` 0)."""

    name: str
    state: str
    pid: int
    uptime_s: int
    restarts: int
    """How often it ended and was started again since supervisord started."""
    pss_mb: float
    """Proportional memory: pages shared with others are split among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One Nomad client."""

    name: str
    status: str
    eligible: bool
    gpus: int
    gpus_free: int


def agents(state: State) -> list[Agent]:
    """List every process of the platform; empty when it is down."""
    supervisor = Supervisor(state)
    try:
        known = supervisor.processes()
        main = supervisor.pid()
    except BerthError:
        return []
    inside = _inside(state)
    memory = {process.pid: (process, _pss_mb(process)) for process in (*processes.of_state(state.root), *inside)}
    restarts = _restarts(state)
    rows = [_agent(process, restarts[name], memory) for name, process in known.items()]
    rows.append(_group("supervisord", {main}, memory))
    named = {row.pid for row in rows} | {main}
    helpers = {pid for pid, (process, _) in memory.items() if pid not in named and _is_helper(process)}
    tasks = set(memory) - named - helpers
    return [*rows, _group("nomad helpers", helpers, memory), _group("tasks", tasks, memory)]


def nodes(nomad: Nomad) -> list[Node]:
    """Ask Nomad for its nodes and how many of their GPUs are in use."""
    used = _used(nomad.all_allocations())
    return [
        _node(row, used) for row in sorted(nomad.nodes(), key=lambda row: str(row["Name"])) if row["Status"] != "down"
    ]


def _inside(state: State) -> list[psutil.Process]:
    """List the processes in containers; none where Docker does not answer, which `berth doctor` reports."""
    containers = state.settings().containers
    with suppress(BerthError):
        return tasks(containers) if containers else []
    return []


def _node(row: dict[str, Any], used: Counter[str]) -> Node:
    devices = (row.get("NodeResources") or {}).get("Devices") or []
    gpus = sum(len(device["Instances"]) for device in devices)
    return Node(
        name=row["Name"],
        status=row["Status"],
        eligible=row["SchedulingEligibility"] == "eligible",
        gpus=gpus,
        gpus_free=gpus - used[row["ID"]],
    )


def _used(allocations: Iterable[dict[str, Any]]) -> Counter[str]:
    """GPUs in use by node id."""
    used: Counter[str] = Counter()
    for one in allocations:
        if one["ClientStatus"] in _LIVE:
            tasks = ((one.get("AllocatedResources") or {}).get("Tasks") or {}).values()
            devices = [device for task in tasks for device in task.get("Devices") or ()]
            used[one["NodeID"]] += sum(len(device["DeviceIDs"]) for device in devices)
    return used


def _agent(process: Process, restarts: int, memory: dict[int, tuple[psutil.Process, float]]) -> Agent:
    return Agent(
        name=process.name,
        state=process.state.lower(),
        pid=process.pid,
        uptime_s=process.uptime_s,
        restarts=restarts,
        pss_mb=round(memory[process.pid][1], 1) if process.pid in memory else 0.0,
    )


def _group(name: str, pids: set[int], memory: dict[int, tuple[psutil.Process, float]]) -> Agent:
    pss_mb = round(sum(memory[pid][1] for pid in pids if pid in memory), 1)
    return Agent(name=name, state=f"{len(pids)} processes", pid=0, uptime_s=0, restarts=0, pss_mb=pss_mb)


def _is_helper(process: psutil.Process) -> bool:
    """Nomad's executors, log monitors and device plugins run beside the tasks."""
    try:
        argv = process.cmdline()
    except psutil.Error:
        return False
    return bool(argv) and argv[0].rsplit("/", 1)[-1] in {"nomad", "example-fs-device"}


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.Error:
        return 0.0


def _restarts(state: State) -> Counter[str]:
    log = state.logs / "supervisord.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    return Counter(_EXITED.findall(text.rsplit(_BEGUN, 1)[-1]))
