"""The verb `vault`: shows and writes who may read what. Deploying never does, so that nobody can widen what he has."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from infra.holdings.entry import Entry
from infra.holdings.vault import HEADER
from nomad_jobs.errors import Exit, PolicyError
from nomad_jobs.platform import LOCAL, Platform
from scripts.ops import catalogue, rendering, stacks
from scripts.ops.access import platform as own
from scripts.ops.access import writing
from scripts.ops.access.differences import Difference, differences
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.clients.target import Target
from scripts.ops.credentials import Credentials
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.local.state import State
from scripts.ops.questions import confirm, hidden
from scripts.ops.rendering import Rendered
from vault_policies import holders

app = typer.Typer(
    help="Show and write the policies and roles of services and people, in Vault and Consul.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_Stack = Annotated[str, typer.Argument()]


@app.command("plan")
def plan(
    stack: _Stack = LOCAL,
    *,
    expect_no_changes: Annotated[bool, typer.Option("--expect-no-changes", help="Exit code 7 if any.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show which policies and roles differ from the catalogue and from `vault_policies/rules/`. Changes nothing."""
    platform, rendered = _rendered(stack)
    credentials = stacks.credentials_of(platform)
    with Target.of(platform, credentials) as target, _api(platform, credentials) as api:
        found = differences(rendered, target.vault, target.consul)
        entries = own.differing(api, platform, _holders(platform))
    if as_json:
        typer.echo(json.dumps([*map(asdict, found), *({"kind": "platform", "name": one.make} for one in entries)]))
    else:
        _show(found, entries)
    if expect_no_changes and (found or entries):
        raise typer.Exit(Exit.CHANGES)


@app.command("apply")
def apply(
    stack: _Stack = LOCAL,
    *,
    recovery_keys: Annotated[
        bool, typer.Option("--recovery-keys", help="Ask for recovery keys, which Vault's own policies take.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write what `plan` shows, as somebody who holds `access`: log in as such, and export VAULT_TOKEN.

    The policies of holders themselves take a root token. It is made from recovery keys, and revoked at the end.
    """
    platform, rendered = _rendered(stack)
    credentials = stacks.credentials_of(platform)
    with Target.of(platform, credentials) as target, _api(platform, credentials) as api:
        found = differences(rendered, target.vault, target.consul)
        entries = own.differing(api, platform, _holders(platform))
        _show(found, entries)
        if not found and not entries:
            return
        confirm(f"write {len(found) + len(entries)} to {platform.title}", yes=yes)
        keys = unseal_keys(State.default()) if platform.is_laptop else _asked() if recovery_keys else []
        with root(api, keys, platform.ca_file) if keys else nullcontext(api) as writer:
            writing.write(found, rendered, writer, target.consul, hidden)
            own.write(writer, entries if keys else ())
    if entries and not keys:
        names = ", ".join(one.make.rpartition("/")[2] for one in entries)
        fix = f"run `berth vault apply {stack} --recovery-keys` with as many people as Vault wants keys"
        raise PolicyError("Vault's own policies", f"{names} differ still, and take a root token", fix)


def _rendered(stack: str) -> tuple[Platform, Rendered]:
    """Render what the stack's services need; the versions of secrets stand in no policy."""
    platform = stacks.platform_of(stack)
    pins = stacks.pins_of(platform)
    return platform, rendering.render(catalogue.load(platform, pins).services, platform, pins)


def _api(platform: Platform, credentials: Credentials) -> AbstractContextManager[Api]:
    headers = {HEADER: credentials.vault}
    return closing(Api("Vault", platform.vault_url, headers=headers, ca_file=platform.ca_file))


def _holders(platform: Platform) -> tuple[str, ...]:
    """Name the holders of a stack; a laptop has one person, and no pipelines and machines."""
    return ("operator",) if platform.is_laptop else (*holders.PEOPLE, *holders.PIPELINES, *holders.MACHINES)


def _asked() -> list[str]:
    """Ask for recovery keys on the terminal, hidden, until an empty line; nobody's key is in an argument."""
    keys: list[str] = []
    while key := typer.prompt(f"recovery key {len(keys) + 1}", hide_input=True, default="", err=True):
        keys.append(str(key).strip())
    return keys


def _show(found: Sequence[Difference], entries: Sequence[Entry]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in found:
        console.print(one.title, markup=False)
        for line in one.lines():
            console.print(f"  {line}", style=_COLOURS.get(line[:1], ""), markup=False)
    for entry in entries:
        home = "vault_policies/rules/" if entry.make.startswith("sys/policies/") else "infra/holdings/engines.py"
        console.print(f"{entry.make} of {home}", markup=False)
    if not found and not entries:
        console.print("nothing differs")
