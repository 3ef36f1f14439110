"""Finds which policies and roles differ from what is rendered. It reads only, so whoever deploys may do it."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scripts.ops.access import databases
from scripts.ops.clients.consul import Consul
from scripts.ops.clients.vault import Vault
from scripts.ops.rendering import Rendered


class Kind(StrEnum):
    """What can differ."""

    VAULT_POLICY = "Vault policy"
    VAULT_ROLE = "Vault role"
    DATABASE = "Vault database"
    ENGINE_ENTRY = "Vault entry"
    CONSUL_POLICY = "Consul policy"
    CONSUL_ROLE = "Consul role"
    VAULT_LOGIN = "Vault login"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One policy or role that is not what it should be."""

    kind: Kind
    name: str
    before: str
    """Its text; empty: there is none."""
    after: str

    @property
    def title(self) -> str:
        """Say in a line what would be written."""
        how = "new" if not self.before else "changed" if self.after else "no longer named: removed"
        return f"{self.kind} {self.name} ({how})"

    def lines(self) -> Iterator[str]:
        """Yield a unified diff of the text."""
        found = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=2)
        yield from list(found)[2:]


def differences(rendered: Rendered, vault: Vault, consul: Consul, *, whole: bool = True) -> tuple[Difference, ...]:
    """List what differs, in the order of writing: a role comes after the policies that it names.

    `whole`: what is rendered is the whole catalogue, so a database lets in its services' roles and no others.
    """
    found = (*_all(rendered, vault, consul), *_in_engines(rendered, vault, whole=whole))
    return tuple(one for one in found if one.before != one.after)


def _all(rendered: Rendered, vault: Vault, consul: Consul) -> Iterator[Difference]:
    for name, text in rendered.vault_policies.items():
        yield Difference(kind=Kind.VAULT_POLICY, name=name, before=vault.policy(name) or "", after=text)
    for name, role in rendered.vault_roles.items():
        yield Difference(
            kind=Kind.VAULT_ROLE, name=name, before=_shown(vault.role(name), role), after=_shown(role, role)
        )
    for name, text in rendered.consul_policies.items():
        policy = consul.acl_policy(name)
        yield Difference(kind=Kind.CONSUL_POLICY, name=name, before=policy["Rules"] if policy else "", after=text)
        yield Difference(kind=Kind.CONSUL_ROLE, name=name, before=name if consul.acl_role(name) else "", after=name)


def _in_engines(rendered: Rendered, vault: Vault, *, whole: bool) -> Iterator[Difference]:
    for path, body in rendered.databases.items():
        found = databases.shown(vault.entry(path), body)
        wanted = databases.wanted(body, found, whole=whole)
        yield Difference(kind=Kind.DATABASE, name=path, before=_shown(found, wanted), after=_shown(wanted, wanted))
    for path, body in rendered.engine_entries.items():
        found = vault.entry(path)
        yield Difference(kind=Kind.ENGINE_ENTRY, name=path, before=_shown(found, body), after=_shown(body, body))


def _shown(role: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str:
    """Write the fields of a role that are wanted; the defaults that Vault adds are not compared."""
    return "" if role is None else json.dumps({name: role.get(name) for name in wanted}, indent=2, sort_keys=True)
