"""The verb `up`."""

from typing import Annotated

import typer

from scripts.ops.local.boot import start
from scripts.ops.local.containers import images, whole
from scripts.ops.local.settings import ENGINES, MAX_NODES, parse_ports
from scripts.ops.local.setup import vault_plugins
from scripts.ops.local.setup.serve import checked_services, serve
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from scripts.ops.questions import confirm


def run(
    *,
    nodes: Annotated[
        int | None, typer.Option(min=1, max=MAX_NODES, help="Nomad clients, 8 emulated GPUs each.")
    ] = None,
    port: Annotated[list[str] | None, typer.Option(help="name=number; may be given again. Remembered.")] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(help=f"Let Vault offer {', '.join(ENGINES)}; may be given again. Remembered."),
    ] = None,
    without_engine: Annotated[list[str] | None, typer.Option(help="Forget an engine that was asked for.")] = None,
    containers: Annotated[
        bool | None, typer.Option("--containers/--no-containers", help="Run services under Docker. Remembered.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before nodes are removed.")] = False,
    deploy: Annotated[bool, typer.Option(help="Deploy the catalogue.")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report for programs; with --no-deploy, the Platform record.")
    ] = False,
) -> None:
    """Boot or repair the platform on this machine and serve the catalogue.

    Changes nothing that is already right. `berth doctor` shows the ports.
    """
    progress = Progress()
    state = State.default()
    before = state.settings()
    settings = before.with_engines(engine or (), without_engine or ())
    settings = settings.with_changes(nodes=nodes, ports=parse_ports(port or ()))
    settings = whole.chosen(settings, state, wanted=containers)
    resolved = checked_services(settings) if deploy else None
    if settings.nodes < before.nodes:
        confirm(f"remove {before.nodes - settings.nodes} of {before.nodes} nodes", yes=yes)
    if settings.containers:
        whole.refuse_impossible(settings.containers)
    start.refuse_taken_ports(state, settings)
    start.install(settings, progress)
    built = images.build(resolved.services, state, progress) if resolved and settings.containers else []
    platform = start.up(state, settings, progress)
    vault_plugins.offer(state, settings, progress)
    if resolved is not None:
        serve(resolved, built, state, platform, progress, as_json=as_json)
    elif as_json:
        typer.echo(platform.to_json(), nl=False)
