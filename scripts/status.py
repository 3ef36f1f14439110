"""The verb `status`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from scripts.ops.local import status
from scripts.ops.local.sessions import session
from scripts.ops.local.state import State


def run(*, as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Show the local platform's agents and nodes. Changes nothing."""
    state = State.default()
    agents = status.agents(state) if state.exists() else []
    nodes: list[status.Node] = []
    if agents:
        with session("Nomad", state.settings().nomad_url, state.key("nomad-bootstrap")) as nomad:
            nodes = status.nodes(nomad)
    if as_json:
        typer.echo(json.dumps({"agents": [*map(asdict, agents)], "nodes": [*map(asdict, nodes)]}, indent=2))
        return
    console = Console()
    if not agents:
        console.print("the local platform is down; `berth up` starts it")
    for rows in (agents, nodes):
        if rows:
            console.print(_table(rows))


def _table(rows: Sequence[status.Agent | status.Node]) -> Table:
    table = Table(box=None, header_style="bold")
    for field in fields(rows[0]):
        table.add_column(field.name.replace("_", " "))
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    return table
