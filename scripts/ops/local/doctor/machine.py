"""Examines the machine: programs and their versions, ports and their owners, the state directory."""

import stat
from collections.abc import Iterator

import psutil

from nomad_jobs.errors import BerthError
from scripts.ops.local import processes
from scripts.ops.local.containers.processes import holders
from scripts.ops.local.doctor.findings import Finding, note, ok, problem
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import FREE_MB, State
from scripts.ops.toolchain import system_packages
from scripts.ops.toolchain.present import Found, look
from scripts.ops.toolchain.programs import LAPTOP, named

FLOORS = {"nomad": ("2.0.1", "CVE-2026-7474"), "vault": ("2.0.2", "CVE-2026-39829")}
"""For each program, the version that fixes a vulnerability, and the vulnerability."""
_OWN_ONLY = 0o077


def findings(state: State, settings: Settings) -> Iterator[Finding]:
    """Examine what can be examined without a running platform."""
    yield from _programs(settings)
    yield from _state(state)
    yield from _ports(state, settings)


def _programs(settings: Settings) -> Iterator[Finding]:
    for name in LAPTOP:
        found = look(named(name))
        if not isinstance(found, Found):
            yield problem(f"program {name}", "not installed", f"run `berth tools install {name}`")
            continue
        yield ok(f"program {name}", f"{found.version} at {found.path}")
        yield from _floor(name, named(name).command, found.version)
    for name in settings.packages:
        place = system_packages.find(name)
        missing = problem(f"program {name}", "not installed", f"run `berth tools install {name}`")
        yield ok(f"program {name}", str(place)) if place else missing


def _floor(name: str, command: str, version: str) -> Iterator[Finding]:
    floor, vulnerability = FLOORS.get(command, ("0", ""))
    if _numbers(version) < _numbers(floor):
        fix = "on loopback only this machine's users reach it; in the cloud install that version first"
        yield note(f"program {name}", f"{version} is below {floor}, which fixes {vulnerability}", fix)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split("+", maxsplit=1)[0].split("."))


def _state(state: State) -> Iterator[Finding]:
    if not state.exists():
        yield note("state", f"nothing was booted in {state.root}", "run `berth up`")
        return
    free_mb = psutil.disk_usage(str(state.root)).free // 2**20
    if free_mb < FREE_MB:
        yield problem("disk", f"{free_mb} MB free at {state.root}", f"free some: agents need {FREE_MB} MB")
    else:
        yield ok("disk", f"{free_mb} MB free at {state.root}")
    paths = (state.root, state.keys, state.run, state.logs, *state.keys.iterdir(), *state.run.glob("*.hcl"))
    # The certificate that seed.py writes there is public.
    wide = [path for path in paths if path.suffix != ".crt" and stat.S_IMODE(path.stat().st_mode) & _OWN_ONLY]
    if wide:
        fix = f"run `chmod -R go= {state.root}`, and rotate what others could have read"
        yield problem("file modes", f"others may read {', '.join(map(str, wide))}", fix)
    else:
        yield ok("file modes", "keys and configurations are for their owner alone")


def _ports(state: State, settings: Settings) -> Iterator[Finding]:
    ports = {name: port for name, port in settings.listening.items() if name != "registry"}  # it is not on loopback
    ours = {process.pid for process in processes.of_state(state.root)}
    ours |= holders(settings.containers) if settings.containers else set()
    taken = processes.owners(ports.values())
    for name, number in ports.items():
        owner = taken.get(number)
        if owner is None:
            yield ok(f"port {name}", f"{number} is free")
        elif owner.pid in ours:
            yield ok(f"port {name}", f"{number}: {owner}, ours")
        else:
            fix = f"end it, or choose another: berth up --port {name}={processes.another(number)}"
            yield problem(f"port {name}", f"{number} is taken by {owner}", fix)
    yield from _reachable(ours, settings)


def _reachable(ours: set[int], settings: Settings) -> Iterator[Finding]:
    """Report which of the platform's ports are where the network could reach them: it should be none."""
    listening = processes.listening(ours)
    own = settings.containers.address if settings.containers else ""
    wide = [f"{address}:{port} (pid {pid})" for address, port, pid in listening if not _is_inside(address, own)]
    if wide:
        yield problem("reach", f"open to the network: {', '.join(wide)}", "bind it to 127.0.0.1")
    elif listening:
        where = f"on loopback or {own}, in the containers' network" if own else "on loopback"
        yield ok("reach", f"{len(listening)} sockets, all {where}")


def _is_inside(address: str, own: str) -> bool:
    return address.startswith("127.") or address == "::1" or address == own != ""


def read_settings(state: State) -> Settings | Finding:
    """Read the settings, or say why they cannot be read."""
    try:
        return state.settings()
    except BerthError as error:
        return problem("settings", error.what, error.fix)
