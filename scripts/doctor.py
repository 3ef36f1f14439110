"""The verb `doctor`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from nomad_jobs.errors import Exit
from scripts.ops.local.doctor import machine, platform
from scripts.ops.local.doctor.findings import Finding, Mark
from scripts.ops.local.doctor.machine import read_settings
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State

_SIGNS = {Mark.OK: "[green]✓[/green]", Mark.NOTE: "[yellow]![/yellow]", Mark.PROBLEM: "[red]✗[/red]"}


def run(*, as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Say what is wrong with this machine, and how to fix it."""
    state = State.default()
    settings = read_settings(state)
    usable = settings if isinstance(settings, Settings) else Settings()
    found = [settings] if isinstance(settings, Finding) else []
    found += [*machine.findings(state, usable), *(platform.findings(state, usable) if state.exists() else ())]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        _print(found)
    if any(one.mark is Mark.PROBLEM for one in found):
        raise typer.Exit(Exit.OTHER)


def _print(found: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in found:
        console.print(_SIGNS[one.mark], end=" ")
        console.print(f"{one.check:<34} {one.text}" + (f" — {one.fix}" if one.fix else ""), markup=False)
