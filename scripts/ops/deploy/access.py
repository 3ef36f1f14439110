"""Writes policies and roles of Vault and Consul where they differ from what is rendered."""

from collections.abc import Mapping
from typing import Any

from scripts.ops.clients.consul import Consul
from scripts.ops.clients.vault import Vault
from scripts.ops.rendering import Rendered


def grant(rendered: Rendered, vault: Vault, consul: Consul) -> int:
    """Give each job access to exactly its own secrets and keys; return the number of writes (0: nothing differed)."""
    writes = 0
    for name, text in rendered.vault_policies.items():
        if vault.policy(name) != text:
            vault.put_policy(name, text)
            writes += 1
    for name, role in rendered.vault_roles.items():
        if not _covers(vault.role(name), role):
            vault.put_role(name, dict(role))
            writes += 1
    for name, text in rendered.consul_policies.items():
        writes += _grant_in_consul(name, text, consul)
    return writes


def _grant_in_consul(name: str, rules: str, consul: Consul) -> int:
    policy = consul.acl_policy(name)
    writes = 0
    if policy is None:
        consul.put_acl_policy(name, rules)
        writes += 1
    elif policy["Rules"] != rules:
        consul.put_acl_policy(name, rules, policy["ID"])
        writes += 1
    if consul.acl_role(name) is None:
        consul.put_acl_role(name)
        writes += 1
    return writes


def _covers(live: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether the live role has every wanted field; the defaults that Vault adds are not compared."""
    return live is not None and all(live.get(field) == value for field, value in wanted.items())
