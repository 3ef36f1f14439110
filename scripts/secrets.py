"""The verb `secrets`: gives secrets their values, pins versions, and shows who has which and what expires."""

import re
import sys
from typing import Annotated

import typer
from rich.markup import escape

from nomad_jobs.errors import ConfigError, ExpiresError
from nomad_jobs.model import Origin, Service
from nomad_jobs.platform import LOCAL, Platform
from scripts.ops import catalogue, stack_files, stacks
from scripts.ops.clients.target import Target
from scripts.ops.progress import Progress
from scripts.ops.secrets import expiry as expiring
from scripts.ops.secrets import history, show, values
from scripts.ops.secrets.changing import Change
from scripts.ops.secrets.inventory import inventory, one_entry
from scripts.ops.secrets.known import Known, find, known, value_in_argument
from scripts.ops.secrets.values import Values
from scripts.ops.secrets.writing import Writer, refuse_faults

app = typer.Typer(
    help="Give secrets values, pin versions, and see who has which and what expires. No value is ever shown.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_Name = Annotated[str, typer.Argument(help="Its owner and name, such as bot-detector/api-key.")]
_Stack = Annotated[str, typer.Argument()]
_Unknown = Annotated[bool, typer.Option("--unknown", help="Also a name or a field that the catalogue does not have.")]
_Deadline = Annotated[float, typer.Option(min=1, help="Seconds for running instances to take it up.")]
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
_Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("set", context_settings={"allow_extra_args": True})
def set_(
    context: typer.Context,
    name: _Name,
    stack: _Stack = LOCAL,
    *,
    field: Annotated[str, typer.Option(help="Which field, where it has several.")] = "",
    generate: Annotated[bool, typer.Option("--generate", help="Make a token of --length random bytes.")] = False,
    length: Annotated[int, typer.Option(min=16, max=1024, help="Bytes of a generated token.")] = 32,
    from_json: Annotated[bool, typer.Option("--from-json", help="Take several fields from JSON on stdin.")] = False,
    from_file: Annotated[list[str] | None, typer.Option(metavar="FIELD=PATH", help="Take a field from a file.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Write it, and let everybody keep what is in use.")] = False,
    unknown: _Unknown = False,
    deadline_s: _Deadline = 60,
    as_json: _Json = False,
) -> None:
    """Give a secret a new value.

    It comes from stdin, whose one line end is left off, or is asked for twice. Other fields keep their values. Every
    running instance that follows the secret takes it up; nothing that somebody wrote meanwhile is overwritten.
    """
    there = (LOCAL, *stack_files.names())
    if context.args or stack not in there:
        raise value_in_argument(name.partition("=")[0], there)
    _refuse_two_sources(generate=generate, from_json=from_json, from_file=bool(from_file), field=bool(field))
    platform, services, secrets = _stack(stack)
    secret = find(name, secrets, unknown=unknown)
    with Target.of(platform, stacks.credentials_of(platform)) as target:
        writer = Writer.of(secret, platform, target.vault)
        given = (
            _generated(secret, field, length)
            if generate
            else values.from_files(from_file)
            if from_file
            else _typed_or_piped(secret, field, from_json=from_json)
        )
        refuse_faults(writer, given, services, platform, unknown=unknown)
        progress = Progress()
        for note in given.notes:
            progress.note(f"[yellow]![/yellow] {escape(note)}")
        change = Change(secret=secret, target=target, progress=progress, deadline_s=deadline_s)
        done = change.hold(writer, given) if hold else change.set(writer, given)
    show.show_brought(done, platform, as_json=as_json)


@app.command("pin")
def pin(
    name: _Name,
    version: Annotated[str, typer.Argument(help="A version's number, or `newest`, which ends the pin.")],
    stack: _Stack = LOCAL,
    *,
    unknown: _Unknown = False,
    deadline_s: _Deadline = 60,
    as_json: _Json = False,
) -> None:
    """Go back to a version of a secret, or on.

    Deployments, and running instances that follow the secret, use it until there is a new value or `newest` is pinned.
    """
    if version != "newest" and not _VERSION.fullmatch(version):
        raise ConfigError(f"version {version!r}", "is no version", "give a number, or `newest`")
    platform, _, secrets = _stack(stack)
    secret = find(name, secrets, unknown=unknown)
    with Target.of(platform, stacks.credentials_of(platform)) as target:
        change = Change(secret=secret, target=target, progress=Progress(), deadline_s=deadline_s)
        done = change.pin(0 if version == "newest" else int(version))
    show.show_brought(done, platform, as_json=as_json)


@app.command("list")
def list_(stack: _Stack = LOCAL, *, as_json: _Json = False) -> None:
    """Show each secret, and who has which version.

    "running" is what instances themselves say; an exclamation mark stands where that is not the version in use.
    """
    platform, services, secrets = _stack(stack)
    with Target.of(platform, stacks.credentials_of(platform)) as target:
        show.show_list(inventory(secrets, services, target), as_json=as_json)


@app.command("get-metadata")
def get_metadata(name: _Name, stack: _Stack = LOCAL, *, as_json: _Json = False) -> None:
    """Show all of one secret but its value."""
    platform, _, secrets = _stack(stack)
    with Target.of(platform, stacks.credentials_of(platform)) as target:
        found = one_entry(find(name, secrets, unknown=True), target)
    if not found.entries[0].history.current and not found.entries[0].secret.is_known:
        find(name, secrets, has_option=False)
    show.show_metadata(found, as_json=as_json)


@app.command("expiry")
def expiry(
    stack: _Stack = LOCAL,
    *,
    fail_within: Annotated[
        float | None, typer.Option(min=0, help="Exit code 12 if something expires within so many days.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show what ends when.

    Secrets with their age, certificates, authorities and tokens; yellow within 30 days, red within one.
    """
    platform, services, secrets = _stack(stack)
    with Target.of(platform, stacks.credentials_of(platform)) as target:
        rows = expiring.collect(secrets, services, target, stacks.authorities_of(platform))
    show.show_expiry(rows, as_json=as_json)
    if fail_within is not None and (found := expiring.soon(rows, fail_within, history.now())):
        what = f"{', '.join(f'{one.kind} {one.name}' for one in found)} within {fail_within:g} days"
        raise ExpiresError(f"stack {stack}", f"expires: {what}", "docs/secrets.md says how each is renewed")


def _stack(stack: str) -> tuple[Platform, tuple[Service, ...], dict[str, Known]]:
    platform = stacks.platform_of(stack)
    services = catalogue.load_unchecked(platform).services
    return platform, services, known(services, platform)


def _refuse_two_sources(**given: bool) -> None:
    """Refuse what would be left unused: a value has one source, and only a pipe, a prompt and a token need a field."""
    named = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if len(named) > 1 and named != ["--generate", "--field"]:
        raise ConfigError(" and ".join(named), "do not go together", "leave one of them out")


def _generated(secret: Known, field: str, length: int) -> Values:
    if secret.origin is not Origin.TOKEN and secret.is_known:
        fix = "give it with --from-file" if secret.origin is Origin.CERTIFICATE else "give it from stdin"
        raise ConfigError(f"secret {secret.name}", "has a value that somebody else gives, not a random one", fix)
    return values.generated(_one_field(secret, field), length)


def _typed_or_piped(secret: Known, field: str, *, from_json: bool) -> Values:
    """Take the value from stdin, or ask on the terminal, where stdin is one."""
    if sys.stdin is None:
        raise ConfigError("stdin", "is closed", "pipe the value to it")
    if sys.stdin.isatty() and not from_json:
        if secret.origin is Origin.CERTIFICATE:
            fix = "use --from-file certificate=PATH --from-file private_key=PATH"
            raise ConfigError(f"secret {secret.name}", "has several lines, and a prompt takes one", fix)
        return values.asked([field] if field else secret.fields or ("value",), _ask)
    raw = sys.stdin.buffer.read(values.LONGEST_BYTES + 1)
    return values.from_json(raw) if from_json else values.piped(raw, _one_field(secret, field))


def _one_field(secret: Known, field: str) -> str:
    if not field and len(secret.fields) > 1:
        fix = "name one with --field, or give several with --from-json or --from-file"
        raise ConfigError(f"secret {secret.name}", f"has the fields {', '.join(secret.fields)}", fix)
    return field or next(iter(secret.fields), "value")


def _ask(name: str) -> str:
    return str(typer.prompt(f"{name} (hidden; one line)", hide_input=True, confirmation_prompt="again", err=True))
