"""Finds a program where it already is, or installs it in the first way that works."""

from collections.abc import Callable, Iterable
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError, raise_all
from scripts.ops.progress import Progress, Step
from scripts.ops.toolchain import cache, gobuild, present, releases
from scripts.ops.toolchain.present import Found
from scripts.ops.toolchain.programs import Program, named
from scripts.ops.toolchain.ways import UnavailableError

_HERE: dict[str, Callable[[Program], Found]] = {"PATH": present.on_path, "cache": present.cached}
_FETCHED: dict[str, Callable[[Program, Path, Step], None]] = {
    "release": releases.obtain,
    "Go build": gobuild.build,
}


def resolve(name: str) -> Path:
    """Return the path of the program `name`, on PATH in a good version or in the cache; nothing is installed.

    Raises:
        ConfigError: it is in neither, or Berth knows no such program.

    """
    program = named(name)
    found = look(program)
    if isinstance(found, Found):
        return found.path
    raise ConfigError(program.label, f"not installed ({_told(found)})", f"run `berth tools install {name}`")


def look(program: Program) -> Found | dict[str, str]:
    """Return the program that was found, or for each place the reason why it is not there."""
    tried = {}
    for place, find in _HERE.items():
        try:
            return find(program)
        except UnavailableError as reason:
            tried[place] = str(reason)
    return tried


def install(names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """Make every program of `names` available and link it into `bin_dir()`; return the path of each.

    One that fails does not keep the others from being installed. Run again, it goes on where it stopped.

    Raises:
        BerthError: no way to get a program worked; the message says how each failed and what to install.

    """
    errors: list[BerthError] = []
    paths = {}
    for program in [named(name) for name in names]:
        try:
            paths[program.name] = _available(program, progress)
        except BerthError as error:
            errors.append(error)
    raise_all(errors)
    return paths


def _available(program: Program, progress: Progress) -> Path:
    found = look(program)
    if not isinstance(found, Found):
        with cache.writing(program.label), progress.step(program.name) as step:
            found = _obtain(program, step, found)
    for file in (program.name, *program.companions):
        if (beside := found.path.parent / file).exists():
            cache.link(beside)
    return found.path


def _obtain(program: Program, step: Step, tried: dict[str, str]) -> Found:
    with cache.turn(program.name, step):
        if cache.holds(program):  # the `berth` that we waited for installed it
            return present.cached(program)
        for way, fetch in _FETCHED.items():
            try:
                with cache.staged(program) as folder:
                    fetch(program, folder, step)
                    _prove_version(program, folder / program.name)
            except UnavailableError as reason:
                tried[way] = str(reason)
            else:
                step.says(f"installed ({way})")
                return present.cached(program)
    raise _no_way(program, tried)


def _prove_version(program: Program, path: Path) -> None:
    """Run the program before it is published, and compare its version."""
    path.chmod(0o755)
    if program.version_args and (said := present.asked(path, program.version_args)) != program.version:
        raise UnavailableError(f"it reports version {said or 'nothing'} instead of {program.version}")


def _no_way(program: Program, tried: dict[str, str]) -> ConfigError:
    own = f"{program.name} {program.floor} or newer ({program.homepage})"
    go = f"Go {'.'.join(map(str, gobuild.GO_FLOOR))} or newer (https://go.dev/dl)"
    fix = f"install {go + ' or ' + own if program.version_args or program.ships_with else go}"
    return ConfigError(
        program.label, f"no way to get it worked ({_told(tried)})", f"{fix}; then run `berth tools install`"
    )


def _told(tried: dict[str, str]) -> str:
    return "; ".join(f"{way}: {reason}" for way, reason in tried.items())
