"""Collects and prints what `berth status` shows: agents, nodes, services and front doors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from nomad_jobs.platform import Platform
from scripts.ops import catalogue
from scripts.ops.clients.target import Target
from scripts.ops.deploy.orphans import orphans
from scripts.ops.deploy.report import not_here, service_rows, services_table
from scripts.ops.front_door import FrontDoor, front_doors
from scripts.ops.local import shell
from scripts.ops.local.doctor import status
from scripts.ops.local.state import State

_KINDS = ("services_run_as", "agents", "nodes", "services", "not_here", "front_doors", "orphans")
Overview = Mapping[str, Sequence[dict[str, Any]]]


def overview(state: State) -> Overview:
    """Collect everything; each list is empty when the platform is down."""
    agents = status.agents(state) if state.exists() else []
    if not agents:
        return {kind: [] for kind in _KINDS}
    platform = state.platform()
    resolved = catalogue.load_unchecked(platform)
    absent = not_here(resolved.left_out, platform)
    with Target.of(platform, state.credentials()) as target:
        return {
            "services_run_as": [{"what": _run_as(platform)}],
            "agents": [asdict(agent) for agent in agents],
            "nodes": [asdict(node) for node in status.nodes(target.nomad)],
            "services": service_rows(resolved.services, target),
            "not_here": [{"service": name, "why": why} for name, why in absent.items()],
            "front_doors": [_door_row(door, target) for door in front_doors(target.nomad)],
            "orphans": [
                {"job": name, "stop": shell.nomad(f"job stop {name}", platform)}
                for name in orphans(resolved.services, target)
            ],
        }


def show(found: Overview) -> None:
    """Print a table of each kind to stdout."""
    console = Console()
    if not found["agents"]:
        console.print("the local platform is down; `berth up` starts it")
        return
    console.print(f"services run as {found['services_run_as'][0]['what']}", markup=False)
    console.print(_table(found["agents"]))
    console.print(_table(found["nodes"]))
    absent = {row["service"]: row["why"] for row in found["not_here"]}
    console.print(services_table(found["services"], absent))
    for job in found["orphans"]:
        text = f"! {job['job']} still runs and is not in this stack's catalogue: `{job['stop']}` stops it"
        console.print(text, style="yellow", markup=False)
    for door in found["front_doors"]:
        _show_door(door, console)


def _run_as(platform: Platform) -> str:
    network = platform.container_network
    return f"containers, in the Docker network {network.name}" if network else "processes"


def _door_row(door: FrontDoor, target: Target) -> dict[str, Any]:
    return {
        "node": door.node,
        "generation": door.generation,
        "certificate": door.certificate,
        "routes": sorted(door.routes),
        "faults": [*door.faults(), *door.strays(target.consul)],
    }


def _show_door(door: dict[str, Any], console: Console) -> None:
    for fault in door["faults"]:
        console.print(f"✗ the front door on {door['node']} {fault}", style="red", markup=False)
    if not door["faults"]:
        console.print(f"✓ the front door on {door['node']} runs {len(door['routes'])} routes", style="green")


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*map(str, row.values()))
    return table
