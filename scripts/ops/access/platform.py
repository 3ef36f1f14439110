"""Finds which of Vault's own policies and engines differ from what is written down; a root token writes them."""

from collections.abc import Iterator, Sequence

from infra.holdings import engines
from infra.holdings import vault as holdings
from infra.holdings.entry import Entry, hold, lacks
from nomad_jobs.platform import Platform
from scripts.ops.clients.api import Api
from vault_policies import holders


def differing(vault: Api, platform: Platform, names: Sequence[str]) -> list[Entry]:
    """List the entries of these holders, and in the cloud the engines for services, that Vault has not as wanted."""
    cloud = () if platform.is_laptop else (*engines.mounts(), engines.cloud_aws(platform.aws.region))
    wanted = (*_entries(vault, names), *cloud)
    return [entry for entry in wanted if lacks(vault, entry)]


def write(as_root: Api, entries: Sequence[Entry]) -> None:
    """Write them."""
    for entry in entries:
        hold(as_root, entry)


def _entries(vault: Api, names: Sequence[str]) -> Iterator[Entry]:
    logins = (vault.read("sys/auth") or {}).get("data") or {}
    accessor = (logins.get("aws/") or {}).get("accessor", "")
    for name in names:
        yield holdings.policy(holders.policy_name(name), holders.rules(name).replace("@login@", accessor))
