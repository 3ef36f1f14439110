"""Finds programs where they already are, and installs those that are missing."""

from collections.abc import Iterable
from pathlib import Path

from rich.markup import escape

from nomad_jobs.errors import BerthError, ConfigError, raise_all
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, outlook, present
from scripts.ops.toolchain.installation import Installation
from scripts.ops.toolchain.present import Found, look
from scripts.ops.toolchain.programs import Program, named


def resolve(name: str) -> Path:
    """Return the path of the program `name`, on PATH in a good version or in the cache; nothing is installed.

    Raises:
        ConfigError: it is in neither, or Berth knows no such program.

    """
    program = named(name)
    found = look(program)
    if isinstance(found, Found):
        return found.path
    raise ConfigError(program.label, f"not installed ({present.told(found)})", f"run `berth tools install {name}`")


def install(names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """Make every program of `names` available and link it into `bin_dir()`; return the path of each.

    One that fails does not keep the others from being installed. Run again, it goes on where it stopped.

    Raises:
        BerthError: no way to get a program worked; the message says how each failed and what to install.

    """
    programs = [named(name) for name in dict.fromkeys(names)]
    looks = {program.name: look(program) for program in programs}
    reasons = {name: found for name, found in looks.items() if not isinstance(found, Found)}
    there: dict[str, Found | BerthError] = {name: found for name, found in looks.items() if isinstance(found, Found)}
    if missing := [program for program in programs if program.name in reasons]:
        for line in outlook.lines(missing):
            progress.note(escape(line))
        there |= Installation(missing, reasons, progress).run()
    for program in programs:
        if isinstance(found := there[program.name], Found):
            _link(program, found.path.parent)
    raise_all(error for error in there.values() if isinstance(error, BerthError))
    return {program.name: found.path for program in programs if isinstance(found := there[program.name], Found)}


def _link(program: Program, folder: Path) -> None:
    """Link a program and what lies beside it into `bin_dir()`; of two with the same file, the one named so wins."""
    if program.command != program.name and isinstance(look(named(program.command)), Found):
        return
    for file in (program.command, *program.companions):
        if (beside := folder / file).exists():
            cache.link(beside)
