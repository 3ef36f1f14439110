"""Agents, nodes and services of a laptop side by side: what `berth status` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.ops import catalogue
from scripts.ops.deploy.report import service_rows, services_table
from scripts.ops.deploy.run import Target
from scripts.ops.local import status
from scripts.ops.local.state import State

Overview = Mapping[str, Sequence[dict[str, Any]]]


def overview(state: State) -> Overview:
    """Look at everything; all empty when the platform is down."""
    agents = status.agents(state) if state.exists() else []
    if not agents:
        return {"agents": [], "nodes": [], "services": []}
    with Target.of(state.platform(), state.credentials()) as target:
        return {
            "agents": [asdict(agent) for agent in agents],
            "nodes": [asdict(node) for node in status.nodes(target.nomad.api)],
            "services": service_rows(catalogue.load_menu(), target),
        }


def show(found: Overview) -> None:
    """Print one table each to stdout."""
    console = Console()
    if not found["agents"]:
        console.print("the local platform is down; `berth up` starts it")
        return
    console.print(_table(found["agents"]))
    console.print(_table(found["nodes"]))
    console.print(services_table(found["services"]))


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*map(str, row.values()))
    return table
