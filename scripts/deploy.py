"""The verb `deploy`."""

from pathlib import Path
from typing import Annotated

import typer

from nomad_jobs.platform import LOCAL
from scripts.ops import catalogue, stacks
from scripts.ops.clients.target import Target
from scripts.ops.deploy.report import print_report
from scripts.ops.deploy.run import deploy
from scripts.ops.local.containers import images as own_images
from scripts.ops.local.setup.serve import give_first_values, supply_images
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from scripts.ops.questions import confirm


def run(
    stack: Annotated[str, typer.Argument()] = LOCAL,
    *,
    only: Annotated[list[str] | None, typer.Option(help="Only this service; may be given again.")] = None,
    platform: Annotated[Path | None, typer.Option(help="Read the Platform record from this file.")] = None,
    deadline_s: Annotated[float | None, typer.Option(min=1, help="Seconds for each service to become healthy.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report for programs.")] = False,
) -> None:
    """Make STACK run the catalogue, and verify it through NGINX."""
    record = stacks.platform_of(stack, platform)
    builds = record.is_laptop and record.runs_containers
    pins = own_images.to_be_pinned(record) if builds else stacks.pins_of(record)
    resolved = catalogue.load(record, pins, only or ())
    confirm(f"deploy {len(resolved.services)} service(s) to {stack}", yes=yes or stack == LOCAL)
    progress = Progress()
    built = own_images.build(resolved.services, State.default(), progress) if builds else []
    with Target.of(record, stacks.credentials_of(record)) as target:
        headers = None
        if stack == LOCAL:  # nobody else gives a laptop's new secrets, and its new hosts' certificate, their value
            headers = give_first_values(catalogue.load(record, pins).services, State.default(), target, progress)
        if builds:
            pins = supply_images(built, State.default(), target, progress)
        done = deploy(resolved.services, target, pins, progress, whole=not only, deadline_s=deadline_s)
        print_report(done, resolved.left_out, target, as_json=as_json, headers=headers)
