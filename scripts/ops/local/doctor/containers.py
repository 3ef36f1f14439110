"""Examines what containers need on a laptop: Docker, the registry, and that nobody outside reaches the network."""

from collections.abc import Iterator
from typing import Any

from nomad_jobs.errors import BerthError
from scripts.ops.local import processes
from scripts.ops.local.containers import network, registry
from scripts.ops.local.doctor import outside
from scripts.ops.local.doctor.findings import Finding, note, ok, problem
from scripts.ops.local.doctor.outside import Place
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.state import State

_FIX = "run `berth up`"


def findings(state: State, settings: Settings) -> Iterator[Finding]:
    """Examine a platform that runs; nothing where services are processes."""
    containers = settings.containers
    if containers is None:
        return
    try:
        running = network.containers_in(containers)
    except BerthError as error:
        yield problem("Docker", error.what, error.fix)
        return
    yield ok("Docker", f"{len(running)} containers in {containers.network}, {containers.subnet}")
    yield _registry(settings)
    yield _outside(state, containers, running)


def _registry(settings: Settings) -> Finding:
    try:
        fault = registry.missing(settings)
    except (BerthError, OSError) as error:
        return problem("registry", f"{settings.registry} does not answer ({error})", _FIX)
    if fault:
        return problem("registry", f"{settings.registry}: {fault}", _FIX)
    return ok("registry", f"{settings.registry} refuses who has no login")


def _outside(state: State, containers: Containers, running: list[Any]) -> Finding:
    """Try every socket of the platform and every port of its containers from a neighbour's place."""
    ours = {process.pid for process in processes.of_state(state.root)}
    listening = {(address, port) for address, port, _ in processes.listening(ours)}
    places = listening | network.published(running) | set(_inside(running, containers))
    try:
        seen = outside.look(places)
    except BerthError as error:
        return note("outside", f"not looked at: {error.what}", error.fix)
    if seen.reached:
        shown = ", ".join(f"{address}:{port}" for address, port in sorted(seen.reached)[:5])
        return problem("outside", f"a neighbour reaches {len(seen.reached)} of {seen.asked}: {shown}", _FIX)
    if not seen.is_heard:
        what = "this machine's firewall lets no neighbour in, so that nothing could be asked"
        return note("outside", what, "the rules of Berth's own could not be tried")
    return ok("outside", f"a neighbour reaches none of {seen.asked} addresses")


def _inside(running: list[Any], containers: Containers) -> Iterator[Place]:
    """Yield each container's own address with each port that it publishes: Docker lets packets pass to those."""
    for container in running:
        settings = container.attrs["NetworkSettings"]
        address = (settings["Networks"].get(containers.network) or {}).get("IPAddress")
        for name in settings["Ports"] or {} if address else ():
            port, _, protocol = name.partition("/")
            if protocol == "tcp":
                yield str(address), int(port)
