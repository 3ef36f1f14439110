"""Serves the catalogue on a laptop: checks it before anything boots, makes its first secrets, deploys it."""

import os
from collections.abc import Sequence
from pathlib import Path

from nomad_jobs.images import Pins
from nomad_jobs.model import Service
from nomad_jobs.platform import Platform
from nomad_jobs.resolve import Resolved
from scripts.ops import catalogue
from scripts.ops.access import writing
from scripts.ops.access.databases import Ask
from scripts.ops.access.differences import differences
from scripts.ops.access.root import root
from scripts.ops.build.run import Built
from scripts.ops.clients.target import Target
from scripts.ops.deploy.report import print_report
from scripts.ops.deploy.run import deploy
from scripts.ops.local.containers import images, registry
from scripts.ops.local.platform import local_platform
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import Settings
from scripts.ops.local.setup import engines
from scripts.ops.local.setup.seed import seed, write_headers
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from scripts.ops.questions import needed
from scripts.ops.rendering import render


def checked_services(settings: Settings) -> Resolved:
    """Load what this laptop runs of the catalogue, and refuse it before anything boots if that cannot be.

    Raises:
        ConfigError: (or ManyErrors) one line for each fault.

    """
    platform = local_platform(settings)
    return catalogue.load(platform, images.to_be_pinned(platform))


def serve(
    resolved: Resolved, built: Sequence[Built], state: State, platform: Platform, progress: Progress, *, as_json: bool
) -> None:
    """Deploy what was `resolved` to the booted platform; print what runs and how to try it.

    `built` are the images of ours that its containers start from.

    Raises:
        DeployError: (or a subclass) a service did not become healthy; the message says why.

    """
    with Target.of(platform, state.credentials()) as target:
        stop_left_out(resolved, target, progress)
        headers = give_first_values(resolved.services, state, target, progress)
        pins = supply_images(built, state, target, progress)
        give_access(resolved.services, pins, state, target, progress, whole=True)
        done = deploy(resolved.services, target, pins, progress)
        print_report(done, resolved.left_out, target, as_json=as_json, headers=headers)


def stop_left_out(resolved: Resolved, target: Target, progress: Progress) -> None:
    """Stop the jobs of services that a laptop no longer runs: they would wait for a driver that it has not."""
    for name in set(resolved.left_out) & set(target.nomad.jobs_of(target.platform.stack)):
        target.nomad.stop(name)
        progress.note(f"[yellow]![/yellow] {name} is stopped: {resolved.left_out[name]}")


def supply_images(built: Sequence[Built], state: State, target: Target, progress: Progress) -> Pins:
    """Push to the laptop's registry what was `built`; give the pins of all images, and keep them for `berth deploy`."""
    network = target.platform.container_network
    if network is None:
        return Pins()
    login = registry.login(target.platform, target.vault)
    pushed = images.push(built, network.registry, login, registry.authority(network.registry), progress)
    return images.keep(pushed, state)


def give_access(
    services: Sequence[Service],
    pins: Pins,
    state: State,
    target: Target,
    progress: Progress,
    *,
    whole: bool = False,
    ask: Ask = needed,
) -> None:
    """Write what differs of policies, roles and engines, with a root token of the laptop's own Vault that ends at once.

    `whole`: they are the whole catalogue. `ask` gets the password of a database that Vault does not know yet.
    """
    engines.provide(services, state, target.platform, progress)
    rendered = render(services, target.platform, pins)
    with progress.step("access", "policies and roles") as step:
        found = differences(rendered, target.vault, target.consul, whole=whole)
        if found:
            with session("Vault", target.platform.vault_url) as vault, root(vault, unseal_keys(state)) as as_root:
                writing.write(found, rendered, as_root, target.consul, ask)
        step.says(f"{len(found)} written" if found else "nothing to change")


def give_first_values(services: Sequence[Service], state: State, target: Target, progress: Progress) -> Path:
    """Make what Vault lacks of the whole catalogue `services`; give the folder with ready Authorization headers."""
    headers = Path(os.path.relpath(state.root / "headers"))
    with progress.step("first values", "secrets that Vault lacks") as step:
        made = seed(services, target.platform, target.vault, state.keys)
        write_headers(services, target.platform, target.vault, headers)
        step.says(f"{made} made" if made else "all there")
    return headers
