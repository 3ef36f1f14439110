"""Vault policies and roles, Consul policies and roles: read, compare, write only what differs."""

from collections.abc import Mapping
from typing import Any

from scripts.ops.clients.consul import Consul
from scripts.ops.clients.vault import Vault
from scripts.ops.rendering import Rendered


def grant(rendered: Rendered, vault: Vault, consul: Consul) -> int:
    """Let each job read exactly what is its own; give the number of writes (0: nothing differed)."""
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
    """Whether every wanted field is live; Vault adds defaults of its own, which are not ours to compare."""
    return live is not None and all(live.get(field) == value for field, value in wanted.items())
