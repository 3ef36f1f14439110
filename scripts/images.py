"""The verb `images`: pins images by digest in `images.lock`, and shows the pins."""

import json
from typing import Annotated

import typer

from nomad_jobs.errors import ConfigError, raise_all
from scripts.ops import images
from scripts.ops.progress import Progress

app = typer.Typer(
    help="Look up and list the digests of the catalogue's images.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


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
        raise images.PartlyPinnedError(report.errors)


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


def _users(services: list[str]) -> dict[str, list[str]]:
    """Give the images of `services` (of all when empty), each with the services that use it."""
    from nomad_jobs.catalog import SERVICES  # noqa: PLC0415 - `berth --help` need not load the catalogue

    known = [service.name for service in SERVICES]
    fix = f"it has {', '.join(known)}"
    unknown = [name for name in services if name not in known]
    raise_all(ConfigError(f"service {name!r}", "is not in the catalogue", fix) for name in unknown)
    users: dict[str, list[str]] = {}
    for service in SERVICES:
        if not services or service.name in services:
            for image in service.images:
                users.setdefault(image, []).append(service.name)
    return users
