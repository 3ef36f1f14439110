"""The verb `tools`: lists the programs that Berth runs, and installs missing ones."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, order, programs, system_packages
from scripts.ops.toolchain.present import Found, look

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Install and list the programs that Berth runs.",
)
_BY_DEFAULT = (*(name for name in programs.PROGRAMS if name not in programs.ON_DEMAND), "nginx")


@app.command()
def install(
    names: Annotated[list[str] | None, typer.Argument(help="Which; by default all that Berth itself needs.")] = None,
    *,
    for_tests: Annotated[bool, typer.Option("--for-tests", help="Also what only the tests run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print where each program is as JSON.")] = False,
) -> None:
    """Fetch, build or install the programs that are missing.

    Berth looks in this order: PATH, its cache, the publisher's signed release, a Go build, the system's packages.
    """
    progress = Progress()
    wanted = names or list(_BY_DEFAULT)
    wanted += (*programs.ON_DEMAND, *system_packages.FOR_TESTS) if for_tests else ()
    system = [name for name in wanted if name in system_packages.SYSTEM_PROGRAMS]
    paths = order.install([name for name in wanted if name not in system], progress)
    paths |= system_packages.ensure(system, progress)
    if as_json:
        typer.echo(json.dumps({name: str(path) for name, path in paths.items()}, indent=2))
    else:
        progress.note(f"all there; for your own shell: export PATH={cache.bin_dir()}:$PATH")


@app.command(name="list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show each program: the version wanted, and the one found."""
    rows = list(_rows())
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, header_style="bold")
    for title in rows[0]:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


def _rows() -> Iterator[dict[str, str]]:
    for program in programs.PROGRAMS.values():
        found = look(program)
        wanted = {"program": program.name, "wanted": program.version}
        if isinstance(found, Found):
            yield wanted | {"found": found.version, "from": found.origin, "path": str(found.path)}
        else:
            yield wanted | {"found": "", "from": "", "path": ""}
    for name in system_packages.SYSTEM_PROGRAMS:
        path = system_packages.find(name)
        where = {"found": "any" if path else "", "from": "system" if path else "", "path": str(path or "")}
        yield {"program": name, "wanted": "any"} | where
