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
from nomad_jobs.errors import BerthError, Exit, PolicyError
from nomad_jobs.model import Service
from nomad_jobs.platform import LOCAL, Platform
from scripts.ops import catalogue, rendering, stacks
from scripts.ops.access import gitlab_keys, logins, writing
from scripts.ops.access import platform as own
from scripts.ops.access.differences import Difference, differences
from scripts.ops.access.logins import LoginChanges
from scripts.ops.access.root import root
from scripts.ops.clients.api import FIX, Api
from scripts.ops.clients.target import Target
from scripts.ops.credentials import Credentials
from scripts.ops.local.setup import engines
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from scripts.ops.questions import confirm, hidden, needed
from scripts.ops.rendering import Rendered
from vault_policies import holders

app = typer.Typer(
    help="Show and write policies and roles of services and people, and who may log in, in Vault and Consul.",
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
    """Show which policies, roles and logins differ from the catalogue, from `vault_policies/rules/` and from settings.

    Changes nothing.
    """
    platform, _, rendered = _rendered(stack)
    credentials = stacks.credentials_of(platform)
    with Target.of(platform, credentials) as target, _api(platform, credentials) as api:
        entries = own.differing(api, platform, _holders(platform))
        found = (*differences(rendered, target.vault, target.consul), *_logins(api, platform).shown)
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
        bool, typer.Option("--recovery-keys", help="Ask for recovery keys, which holders and logins take.")
    ] = False,
    new_client_secret: Annotated[
        bool, typer.Option("--new-client-secret", help="Ask for the OIDC client's secret, though nothing differs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write what `plan` shows, as somebody who holds `access`: log in as such, and export VAULT_TOKEN.

    The policies of holders themselves, and who may log in as which, take a root token. It is made from recovery keys,
    and revoked at the end.
    """
    platform, asking, rendered = _rendered(stack)
    credentials = stacks.credentials_of(platform)
    if platform.is_laptop:
        engines.provide(asking, State.default(), platform, Progress())
    with Target.of(platform, credentials) as target, _api(platform, credentials) as api:
        services = differences(rendered, target.vault, target.consul)
        entries = own.differing(api, platform, _holders(platform))
        who = _logins(api, platform, new_client_secret=new_client_secret)
        found = (*services, *who.shown)
        _show(found, entries)
        if not found and not entries:
            return
        confirm(f"write {len(found) + len(entries)} to {platform.title}", yes=yes)
        keys = unseal_keys(State.default()) if platform.is_laptop else _asked() if recovery_keys else []
        client_secret = _client_secret(platform) if keys and who.needs_client_secret else ""
        with root(api, keys, platform.ca_file) if keys else nullcontext(api) as writer:
            writing.write(services, rendered, writer, target.consul, needed)
            own.write(writer, entries if keys else ())
            logins.write(writer, who if keys else LoginChanges(), client_secret)
    if not keys:
        _refuse_rest(stack, [*(one.make for one in entries), *(one.name for one in who.shown)])


def _refuse_rest(stack: str, paths: Sequence[str]) -> None:
    if paths:
        names = ", ".join(path.rpartition("/")[2] for path in paths)
        fix = f"run `berth vault apply {stack} --recovery-keys` with as many people as Vault wants keys"
        raise PolicyError("Vault's own policies and logins", f"{names} differ still, and take a root token", fix)


def _logins(vault: Api, platform: Platform, *, new_client_secret: bool = False) -> LoginChanges:
    return logins.changes(vault, platform, _gitlab_keys(platform), new_client_secret=new_client_secret)


def _gitlab_keys(platform: Platform) -> Sequence[str]:
    """Ask GitLab for its keys; without an answer they stay as they are, and all else can still be written."""
    if platform.logins.pipelines is None:
        return ()
    try:
        return gitlab_keys.published(platform.logins.pipelines.issuer)
    except BerthError as error:
        typer.echo(f"GitLab's keys are not compared: {error}", err=True)
        return ()


def _client_secret(platform: Platform) -> str:
    """Ask for the secret of the OIDC client; whoever has it may be anybody, so it is in no file and no argument."""
    if platform.logins.people is None:
        return ""
    client = f"{platform.logins.people.client_id} at {platform.logins.people.issuer}"
    return needed(f"secret of the OIDC client {client}, which the provider shows with the application")


def _rendered(stack: str) -> tuple[Platform, Sequence[Service], Rendered]:
    """Render what the stack's services need; the versions of secrets stand in no policy."""
    platform = stacks.platform_of(stack)
    pins = stacks.pins_of(platform)
    services = catalogue.load(platform, pins).services
    return platform, services, rendering.render(services, platform, pins)


def _api(platform: Platform, credentials: Credentials) -> AbstractContextManager[Api]:
    headers = {HEADER: credentials.vault}
    return closing(Api("Vault", platform.vault_url, headers=headers, ca_file=platform.ca_file, fix=FIX))


def _holders(platform: Platform) -> tuple[str, ...]:
    """Name the holders of a stack; a laptop has one person, and no pipelines and machines."""
    return ("operator",) if platform.is_laptop else holders.ALL


def _asked() -> list[str]:
    """Ask for recovery keys on the terminal, hidden, until an empty line; nobody's key is in an argument."""
    keys: list[str] = []
    while key := hidden(f"recovery key {len(keys) + 1}"):
        keys.append(key.strip())
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
