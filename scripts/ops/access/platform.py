"""Finds which of Vault's own policies differ from the holders' files, and writes them with a root token."""

from collections.abc import Iterator, Sequence

from infra.holdings import vault as holdings
from infra.holdings.entry import Entry, differs, find, hold
from scripts.ops.clients.api import Api
from vault_policies import holders


def differing(vault: Api, names: Sequence[str]) -> list[Entry]:
    """List the entries of these holders that Vault has not, or has otherwise."""
    return [entry for entry in _entries(vault, names) if differs(entry.body, find(vault, entry))]


def write(as_root: Api, entries: Sequence[Entry]) -> None:
    """Write them."""
    for entry in entries:
        hold(as_root, entry)


def _entries(vault: Api, names: Sequence[str]) -> Iterator[Entry]:
    logins = (vault.read("sys/auth") or {}).get("data") or {}
    accessor = (logins.get("aws/") or {}).get("accessor", "")
    for name in names:
        yield holdings.policy(holders.policy_name(name), holders.rules(name).replace("@login@", accessor))
