"""The verb `status`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from scripts.ops import catalogue
from scripts.ops.deploy.report import service_rows, services_table
from scripts.ops.deploy.run import Target
from scripts.ops.local import status
from scripts.ops.local.sessions import session
from scripts.ops.local.state import State


def run(*, as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Show the local platform's agents, nodes and services. Changes nothing."""
    state = State.default()
    agents = status.agents(state) if state.exists() else []
    nodes: list[status.Node] = []
    services: list[dict[str, Any]] = []
    if agents:
        with Target.of(state.platform(), state.credentials()) as target:
            services = service_rows(catalogue.load_menu(), target)
        with session("Nomad", state.settings().nomad_url, state.key("nomad-bootstrap")) as nomad:
            nodes = status.nodes(nomad)
    if as_json:
        typer.echo(
            json.dumps(
                {"agents": [*map(asdict, agents)], "nodes": [*map(asdict, nodes)], "services": services}, indent=2
            )
        )
        return
    console = Console()
    if not agents:
        console.print("the local platform is down; `berth up` starts it")
    for rows in (agents, nodes):
        if rows:
            console.print(_table(rows))
    if services:
        console.print(services_table(services))


def _table(rows: Sequence[status.Agent | status.Node]) -> Table:
    table = Table(box=None, pad_edge=False)
    for field in fields(rows[0]):
        table.add_column(field.name.replace("_", " "))
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    return table
