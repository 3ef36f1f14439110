"""Says before a long installation how long it will take and why, and what would be quicker.

`make up` runs this file before its libraries are installed, so it imports nothing but Python's own.
"""

import http.client
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence

from scripts.ops.toolchain import cache, forecast, gotool
from scripts.ops.toolchain.forecast import Costs
from scripts.ops.toolchain.present import Found, look
from scripts.ops.toolchain.programs import LAPTOP, Program, named
from scripts.ops.toolchain.ways import UnavailableError

_REACH_S = 3
_RELEASE_S = 20
_LONG_S = 300
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
    """Say how long the programs that are `missing` take, and why; `more_s` is what comes with them."""
    released = [program for program in missing if program.release]
    host, reached = _publisher(released)
    built = [program for program in missing if not (program.release and reached)]
    fetched_s = _RELEASE_S * (len(missing) - len(built))
    yield _time(missing, built, fetched_s + more_s)
    if not built:
        return
    for program in built:
        try:
            gotool.find(program)
        except UnavailableError as fault:
            yield f"  it will stop at {program.name}: {fault}{f'; {fault.fix}' if fault.fix else ''}"
            break
    if released and not reached:
        yield f"  why: {host} cannot be reached from here, so Go builds what would take seconds to fetch"
        yield f"  quicker: copy {cache.root()} from a machine that has it, or install the publisher's packages:"
        yield f"  {_command(released)}"


def main() -> None:
    """Print the outlook of a first `make up`."""
    missing = [program for program in map(named, LAPTOP) if not isinstance(look(program), Found)]
    for line in lines(missing, more_s=Costs.read().first_start_s) if missing else ():
        sys.stderr.write(f"{line}\n")


def _time(missing: Sequence[Program], built: Sequence[Program], more_s: float) -> str:
    costs = Costs.read()
    known = [program.name for program in built if program.name in costs.programs]
    total_s = forecast.here(known).remaining_s() + more_s
    unknown = [program.name for program in built if program.name not in known]
    size = f" and {costs.disk_gb:.0f} GB" if total_s > _LONG_S else ""
    also = f", and what {_listed(unknown)} may take (never measured)" if unknown else ""
    once = "only this once; interrupted, it goes on where it was"
    return f"{forecast.told(total_s)}{size}{also} for {_listed([one.name for one in missing])}; {once}"


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
    except (OSError, ValueError, http.client.HTTPException):  # no route, no answer, or one that is no HTTP
        return host, False


def _command(released: Sequence[Program]) -> str:
    commands = sorted({program.command for program in released})
    taps = " ".join(f"hashicorp/tap/{command}" for command in commands)
    manager = next((text for name, text in _MANAGERS.items() if shutil.which(name)), "put {names} on PATH")
    return manager.format(names=" ".join(commands), taps=taps)


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


if __name__ == "__main__":
    main()
