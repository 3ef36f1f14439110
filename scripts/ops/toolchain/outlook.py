"""Says before a long installation how long it will take and why, and what would be quicker.

`make up` runs this file before its libraries are installed, so it imports nothing but Python's own.
"""

import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence

from scripts.ops.toolchain import forecast, gobuild
from scripts.ops.toolchain.present import Found, look
from scripts.ops.toolchain.programs import LAPTOP, Program, named
from scripts.ops.toolchain.ways import UnavailableError

_REACH_S = 3
_RELEASE_S = 20
_LONG_S = 60
_MANAGERS = {
    "brew": "brew install {taps}",
    "apt-get": (
        "wget -qO- https://apt.releases.hashicorp.com/gpg | sudo gpg --dearmor -o /usr/share/keyrings/hashicorp.gpg"
        ' && echo "deb [signed-by=/usr/share/keyrings/hashicorp.gpg] https://apt.releases.hashicorp.com'
        ' $(. /etc/os-release && echo $VERSION_CODENAME) main" | sudo tee /etc/apt/sources.list.d/hashicorp.list'
        " && sudo apt-get update && sudo apt-get install {names}"
    ),
    "dnf": (
        "sudo dnf config-manager --add-repo https://rpm.releases.hashicorp.com/fedora/hashicorp.repo"
        " && sudo dnf install {names}"
    ),
}
"""The publisher's own packages: https://www.hashicorp.com/official-packaging-guide."""


def lines(missing: Sequence[Program], *, more_s: float = 0.0) -> Iterator[str]:
    """Say what will be done for the programs that are `missing`; `more_s` is what comes with it.

    Nothing is said where nothing takes long.
    """
    released = [program for program in missing if program.release]
    host, reached = _publisher(released)
    built = [program for program in missing if not (program.release and reached)]
    costs = forecast.Costs.read()
    expected_s = forecast.here(program.name for program in built).remaining_s()
    total = forecast.told(expected_s + _RELEASE_S * (len(missing) - len(built)) + more_s)
    if not built:
        yield f"{_names(missing)}: fetched from {host}, {total} in all; only this once"
        return
    if released and not reached:
        yield f"{host} cannot be reached from here; where it can, it takes seconds instead of minutes, as with:"
        yield f"  {_command(released)}"
    try:
        gobuild.find_go()
    except UnavailableError as fault:
        yield f"{_names(built)} would be built, but {fault}"
    else:
        takes = f"{total} in all" if expected_s < _LONG_S else f"{total} and {costs.disk_gb:.0f} GB in all"
        yield f"{_names(built)}: built by Go, {takes}; only this once, and interrupted it goes on later"


def main() -> None:
    """Print the outlook of a first `make up`."""
    missing = [program for program in map(named, LAPTOP) if not isinstance(look(program), Found)]
    for line in lines(missing, more_s=forecast.Costs.read().first_start_s) if missing else ():
        sys.stderr.write(f"{line}\n")


def _publisher(released: Sequence[Program]) -> tuple[str, bool]:
    """Name the publisher, and try whether it answers."""
    if not released or not (release := released[0].release):
        return "", False
    host = release.folder.split("/")[2]
    try:
        with urllib.request.build_opener().open("/".join(release.folder.split("/")[:3]), timeout=_REACH_S):
            return host, True
    except urllib.error.HTTPError:
        return host, True
    except (OSError, ValueError):  # no name, no route, no answer, or a malformed proxy variable
        return host, False


def _command(released: Sequence[Program]) -> str:
    commands = sorted({program.command for program in released})
    taps = " ".join(f"hashicorp/tap/{command}" for command in commands)
    manager = next((text for name, text in _MANAGERS.items() if shutil.which(name)), "put {names} on PATH")
    return manager.format(names=" ".join(commands), taps=taps)


def _names(programs: Sequence[Program]) -> str:
    *most, last = (program.name for program in programs)
    return f"{', '.join(most)} and {last}" if most else last


if __name__ == "__main__":
    main()
