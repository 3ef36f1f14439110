"""The verb `render`."""

from pathlib import Path
from typing import Annotated

import typer

from nomad_jobs.platform import LOCAL
from scripts.ops import catalogue, rendering, stacks


def run(
    stack: Annotated[str, typer.Argument()] = LOCAL,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to; made if missing.")] = Path("rendered"),
    platform: Annotated[Path | None, typer.Option(help="Read the Platform record from this file.")] = None,
) -> None:
    """Write every job, policy and route of STACK to a folder.

    Needs no cluster.

    Secrets appear with version 0, the newest; `berth deploy` pins the version that Vault has by then.
    """
    record = stacks.platform_of(stack, platform)
    pins = stacks.pins_of(record)
    resolved = catalogue.load(record, pins)
    for path in rendering.write(rendering.render(resolved.services, record, pins), out):
        typer.echo(path)
    for name, why in resolved.left_out.items():
        typer.echo(f"{name} is not on {record.title}: {why}", err=True)
