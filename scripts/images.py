"""The verb `images`: builds, checks and pushes our own images, and pins every image by digest in `images.lock`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from nomad_jobs.errors import ConfigError, raise_all
from nomad_jobs.own_images import OWN_IMAGES, OwnImage
from scripts.ops import images, served
from scripts.ops.build import check as checking
from scripts.ops.build import hand_over, recording, run
from scripts.ops.progress import Progress

app = typer.Typer(
    help="Build, check and push our own images; look up and list the digests of all that the catalogue runs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


_Names = Annotated[list[str] | None, typer.Argument(metavar="[IMAGE]...", help="Which; by default all of ours.")]


@app.command("build")
def build(
    names: _Names = None,
    *,
    load: Annotated[bool, typer.Option("--load", help="Also hand them to this machine's Docker.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Build the images whose inputs changed; the same inputs give the same digest. Needs root, and no Docker."""
    built = run.build(_ours(names), Progress())
    for one in built:
        if load:
            hand_over.load(one.layout, one.image.reference)
        if not as_json:
            typer.echo(f"{one.image.reference} {one.record.digest} {'built' if one.is_new else 'unchanged'}")
    if as_json:
        rows = [{"image": one.image.reference, "new": one.is_new, **asdict(one.record)} for one in built]
        typer.echo(json.dumps(rows, indent=2))


@app.command("check")
def check(names: _Names = None) -> None:
    """Look into built images: licences, known vulnerabilities, secrets in layers, size, user. Asks nobody.

    Exit code 5 if one of them holds what it may not.
    """
    rules = checking.rules()
    for line in checking.check(run.built_before(_ours(names), Progress()), rules):
        typer.echo(line)
    for line in rules.advisories.scope:
        typer.echo(line)


@app.command("advisories")
def advisories(
    *,
    changelogs: Annotated[
        bool, typer.Option("--changelogs", help="From Debian's archive alone: what its changelogs name.")
    ] = False,
) -> None:
    """Record anew which vulnerabilities of what is in our images are known, for `check`; commit the file.

    Asks OSV about the packages of all built images. With --changelogs it needs root, no OSV and no built image, and
    leaves Python's records as they are.
    """
    extract = recording.record(OWN_IMAGES, recording.FILE, Progress(), from_debian=changelogs)
    for line in extract.scope:
        typer.echo(line)


@app.command("push")
def push(names: _Names = None) -> None:
    """Push what `build` made, each under its tag, and show that the registry serves the same digest.

    Logins come from `docker login`. Then `berth images pin` writes the digests to `images.lock`.
    """
    progress = Progress()
    for one in run.built_before(_ours(names), progress):
        with progress.step(one.image.name, "pushing"):
            hand_over.push(one.layout, one.image.reference)
        typer.echo(f"{one.image.reference} {one.record.digest} pushed")


@app.command("lock")
def lock(names: _Names = None) -> None:
    """Look up which versions Debian's archive has today, and write them to `images/debian.lock`. Needs root."""
    written = run.look_up_debian(_ours(names), Progress())
    for base, versions in written.versions.items():
        typer.echo(f"{base} {len(versions)} packages of {written.day}")


@app.command("pin")
def pin(
    services: Annotated[list[str] | None, typer.Argument(help="Only these services' images.")] = None,
    deadline_s: Annotated[float, typer.Option(min=1, help="Seconds for all lookups together.")] = 60,
) -> None:
    """Look up each image's digest and write it to `images.lock`.

    Commit the file. Logins come from `docker login`. An image that cannot be looked up keeps its pin; exit code 11 if
    that happens to some of them.
    """
    users = _users(services or [])
    report = images.pin(list(users), images.LOCK, prune=not services, deadline_s=deadline_s, progress=Progress())
    for one in report.pinned:
        typer.echo(f"{one.reference} {one.digest} {one.change}")
    if report.errors:
        raise images.PartlyDoneError(report.errors)


@app.command("served")
def served_(
    services: Annotated[list[str] | None, typer.Argument(help="Only these services' images.")] = None,
    deadline_s: Annotated[float, typer.Option(min=1, help="Seconds for all registries together.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Ask each registry whether it still serves the digest that `images.lock` pins. Changes nothing.

    Logins come from `docker login`. Exit code 2 if a digest is gone, which no node could fetch any more; 11 if some
    registries gave no answer.
    """
    users = _users(services or [])
    pins = images.read_pins(images.LOCK)
    asked = served.ask(list(users), pins, deadline_s=deadline_s, progress=Progress())
    if as_json:
        typer.echo(json.dumps([_row(one, users[one.reference]) for one in asked], indent=2))
    for one in () if as_json else asked:
        typer.echo(f"{one.reference} {one.digest or '-'} {one.state.value} ({', '.join(users[one.reference])})")
    served.refuse_gone(asked, users)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show each image, its digest, and who uses it; asks no registry."""
    pins = images.read_pins(images.LOCK)
    users = _users([])
    if as_json:
        rows = [{"image": image, "digest": pins.get(image), "services": users[image]} for image in users]
        typer.echo(json.dumps(rows, indent=2))
        return
    for image, names in users.items():
        typer.echo(f"{image} {pins.get(image, 'unpinned')} ({', '.join(names)})")


def _row(one: served.Asked, services: list[str]) -> dict[str, object]:
    """Give what a program reads of one image that was asked about."""
    digest, error = one.digest or None, str(one.error) if one.error else None
    return {"image": one.reference, "digest": digest, "state": one.state.value, "services": services, "error": error}


def _ours(names: list[str] | None) -> list[OwnImage]:
    """Give the images of ours that are named, or all."""
    known = {image.name: image for image in OWN_IMAGES}
    fix = f"they are {', '.join(known)}"
    unknown = [name for name in names or [] if name not in known]
    raise_all(ConfigError(f"image {name!r}", "is none of ours", fix) for name in unknown)
    return [known[name] for name in names or known]


def _users(services: list[str]) -> dict[str, list[str]]:
    """Give the images of `services` (of all when empty), each with the services that use it.

    A name may also be that of an image of ours that no service runs from; all of those are all that have a pin.
    """
    from nomad_jobs.catalog import SERVICES  # noqa: PLC0415 - `berth --help` need not load the catalogue

    used = [(service.name, image) for service in SERVICES for image in service.images]
    images_used = {image for _, image in used}
    others = [(one.name, one.reference) for one in OWN_IMAGES if one.reference not in images_used]
    fix = f"it has {', '.join(name for name, _ in used)}"
    unknown = [name for name in services if name not in dict([*used, *others])]
    raise_all(ConfigError(f"service {name!r}", "is not in the catalogue", fix) for name in unknown)
    pins = images.read_pins(images.LOCK)
    by_default = [*used, *(one for one in others if one[1] in pins)]
    users: dict[str, list[str]] = {}
    for name, image in [one for one in (*used, *others) if one[0] in services] or by_default:
        users.setdefault(image, []).append(name)
    return users
