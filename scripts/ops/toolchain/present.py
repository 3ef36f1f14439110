"""Finds programs that are already on this machine: on PATH in a good version, or in Berth's cache."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

from scripts.ops.toolchain import cache
from scripts.ops.toolchain.programs import Program, named
from scripts.ops.toolchain.ways import UnavailableError

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)((?:[-+][\w.+-]+)?)")
_ASK_S = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A program that can be run: where, which version, and whether from `PATH` or the `cache`."""

    path: Path
    version: str
    origin: str


def look(program: Program) -> Found | dict[str, str]:
    """Return the program that was found, or for each place the reason why it is not there."""
    tried = {}
    for place, find in (("PATH", on_path), ("cache", cached)):
        try:
            return find(program)
        except UnavailableError as reason:
            tried[place] = str(reason)
    return tried


def told(tried: Mapping[str, str]) -> str:
    """Put into words why a program is not there."""
    return "; ".join(f"{way}: {reason}" for way, reason in tried.items())


def on_path(program: Program) -> Found:
    """Return the first one on PATH whose version is good.

    Raises:
        UnavailableError: there is none; the text names each that was found and what is wrong with it.

    """
    if program.ships_with:
        return _beside(program)
    if not program.version_args:
        raise UnavailableError("cannot be told apart by version")
    faults = []
    for path in _candidates(program.command):
        version = asked(path, program.version_args)
        if not (fault := _fault(program, version)):
            return Found(path, version, "PATH")
        faults.append(f"{path} {fault}")
    raise UnavailableError("; ".join(faults) or "not there")


def cached(program: Program) -> Found:
    """Return the one in Berth's cache.

    Raises:
        UnavailableError: this version is not in the cache.

    """
    if not cache.holds(program):
        raise UnavailableError("not there")
    return Found(cache.home(program) / program.command, program.version, "cache")


def asked(path: Path, arguments: tuple[str, ...]) -> str:
    """Return the version that the program at `path` reports, or `""`; answers are kept until the file changes."""
    stat = path.stat()
    return _asked(path, arguments, (stat.st_ino, stat.st_mtime_ns, stat.st_size))


@remembered
def _asked(path: Path, arguments: tuple[str, ...], _file: tuple[int, int, int]) -> str:
    env = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    quiet = {"CHECKPOINT_DISABLE": "1", "PULUMI_SKIP_UPDATE_CHECK": "true"}  # asking for a version needs no network
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=_ASK_S, env=env | quiet, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    match = _VERSION.search(done.stdout + done.stderr)
    return match.group().removeprefix("v") if match else ""


def _fault(program: Program, version: str) -> str:
    match = _VERSION.match(version)
    if not match:
        return "does not say its version"
    numbers = tuple(map(int, match.groups()[:3]))
    floor = tuple(map(int, program.floor.split(".")))
    if "+ent" in match[4]:
        return f"is {version}, which needs a licence"
    if numbers < floor:
        return f"is {version}, older than {program.floor}"
    return f"is {version}, newer than Berth knows" if numbers[0] > floor[0] else ""


def _candidates(name: str) -> list[Path]:
    ours = cache.bin_dir().resolve()  # its links are our own, and no finding on PATH
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    paths = [folder / name for folder in dict.fromkeys(folders) if folder.resolve() != ours]
    # os.path treats a folder that we may not search as one without the program, as a shell does.
    return [path.absolute() for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]  # noqa: PTH113 - as a shell


def _beside(program: Program) -> Found:
    main = on_path(named(program.ships_with))
    for folder in (main.path.parent, main.path.resolve().parent):
        if os.access(folder / program.command, os.X_OK):
            return Found(folder / program.command, main.version, "PATH")
    raise UnavailableError(f"not beside {main.path}")
