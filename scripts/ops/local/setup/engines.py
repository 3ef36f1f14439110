"""Gives the laptop's Vault the engines that the catalogue asks for, and moto the role and buckets behind them."""

from collections.abc import Sequence
from dataclasses import replace

from infra.holdings import engines as holdings
from infra.holdings.entry import Entry, hold, lacks
from nomad_jobs.model import DynamicAws, Service
from nomad_jobs.mounts import AWS_MOUNT, DATABASE_MOUNT
from nomad_jobs.platform import Platform
from scripts.ops.access.root import root
from scripts.ops.local.sessions import session
from scripts.ops.local.setup import vault_plugins
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.local.state import State
from scripts.ops.progress import Progress
from vault_policies import engines

_PLUGINS = {DATABASE_MOUNT: "postgresql", AWS_MOUNT: "aws"}
"""What Vault's own program lacks, by the mount that needs it."""


def provide(services: Sequence[Service], state: State, platform: Platform, progress: Progress) -> None:
    """Mount what the services ask for and the laptop's Vault has not; most catalogues ask for nothing."""
    asked = engines.engines(services)
    if plugins := [_PLUGINS[mount] for mount in _PLUGINS if mount in asked]:
        settings = state.settings()
        vault_plugins.offer(state, replace(settings, engines=(*settings.engines, *plugins)), progress)
    entries = [entry for entry in holdings.mounts() if entry.body["type"] in asked]
    if AWS_MOUNT in asked and platform.aws.url:
        entries.append(holdings.laptop_aws(platform.aws.url, platform.aws.region))
        _make_buckets(services, platform)
    if entries:
        _hold(entries, state, platform)


def _hold(entries: Sequence[Entry], state: State, platform: Platform) -> None:
    with session("Vault", platform.vault_url, state.key("vault-operator")) as vault:
        differing = [one for one in entries if lacks(vault, one)]
        if differing:
            with root(vault, unseal_keys(state)) as as_root:
                for entry in differing:
                    hold(as_root, entry)


def _make_buckets(services: Sequence[Service], platform: Platform) -> None:
    """Make the buckets, which moto forgets when it stops; making one again changes nothing."""
    named = {bucket for one in services for source in one.credentials for bucket in _buckets(source)}
    with session("AWS", str(platform.aws.url)) as aws:
        for bucket in sorted(named):
            aws.put(f"/{platform.buckets[bucket]}")


def _buckets(source: object) -> tuple[str, ...]:
    return source.buckets if isinstance(source, DynamicAws) else ()
