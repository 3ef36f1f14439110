"""What `berth up --containers` needs before it begins, makes beside the agents, and removes at `berth down`."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from nomad_jobs.errors import AuthError, BerthError
from scripts.ops import docker_daemon
from scripts.ops.local.containers import firewall, network, registry
from scripts.ops.local.containers.daemon import connected, refuse_proxy
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.state import State


def chosen(before: Settings, state: State, *, wanted: bool | None) -> Settings:
    """Turn containers on or off in the settings of the last time; None leaves them as they were."""
    if wanted is None or wanted is (before.containers is not None):
        return before
    if not wanted:
        return replace(before, containers=None)
    return replace(before, containers=Containers(daemon=docker_daemon.chosen(), network=network.name_of(state.root)))


def refuse_impossible(containers: Containers) -> None:
    """Refuse before anything begins what cannot work.

    Raises:
        AuthError: this user is not root, or may not reach Docker.
        BerthError: Docker does not answer.

    """
    if os.geteuid() != 0:
        what = "need root, as on a cloud machine: Nomad gives files to their users, and Berth closes their network"
        fix = "run `sudo -E env PATH=$PATH .venv/bin/berth up --containers`, or give --no-containers"
        raise AuthError("containers", what, fix)
    with connected(containers.daemon):
        pass


def hold(settings: Settings, state: State) -> Settings:
    """Make the network, closed to others; give the settings with the subnet that it has."""
    if settings.containers is None:
        return settings
    held = network.hold(settings.containers, state.root)
    firewall.close(settings, held)
    found = replace(settings, containers=held)
    with connected(held.daemon) as client:
        refuse_proxy(client.info(), found.registry)
    return found


def release(settings: Settings) -> str:
    """Remove the network with all that is in it, and the trust in its registry; say what could not be done."""
    containers = settings.containers
    if containers is None:
        return ""
    parts = (
        partial(network.remove, containers, settings.registry),
        partial(firewall.open_again, containers),
        partial(registry.forget, settings),
    )
    return "; ".join(filter(None, map(_tried, parts)))


def _tried(part: Callable[[], None]) -> str:
    try:
        part()
    except BerthError as error:
        return f"{error.where}: {error.what}"
    return ""
