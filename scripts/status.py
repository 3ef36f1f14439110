"""The verb `status`."""

import json
from typing import Annotated

import typer

from scripts.ops.local.doctor.overview import overview, show
from scripts.ops.local.state import State


def run(*, as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Show the local platform's agents, nodes and services. Changes nothing."""
    found = overview(State.default())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        show(found)
