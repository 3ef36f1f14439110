"""Vault policies and roles, Consul policies, roles and routes: read, compare, write only what differs."""

from collections.abc import Mapping, Sequence
from typing import Any

from nomad_jobs.errors import BerthError, ConfigError, raise_all
from nomad_jobs.model import Secret, Service, secret_path
from nomad_jobs.platform import Platform
from nomad_jobs.render import routes_prefix
from scripts.ops.consul import Consul
from scripts.ops.rendering import Rendered
from scripts.ops.vault import Vault
from vault_policies.render import KV_MOUNT


def secret_versions(services: Sequence[Service], platform: Platform, vault: Vault) -> dict[str, int]:
    """Newest version of each secret that the services read, by path below the namespace.

    Raises:
        ConfigError: (or ManyErrors) a secret is not there; named with its path and fields.

    """
    wanted = {secret_path(secret, one): (one, secret) for one in services for secret in one.secrets}
    versions = {path: vault.secret_version(f"{platform.namespace}/{path}") for path in wanted}
    raise_all(_missing(path, *wanted[path], platform) for path, version in versions.items() if version == 0)
    return versions


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


def put_routes(rendered: Rendered, platform: Platform, consul: Consul, *, whole: bool) -> int:
    """Tell the front door where each service is; with `whole`, also forget routes that nothing renders any more."""
    live = consul.keys(routes_prefix(platform) + "/")
    changed = {key: text for key, text in rendered.routes.items() if live.get(key) != text}
    for key, text in changed.items():
        consul.put_key(key, text)
    gone = set(live) - set(rendered.routes) if whole else set()
    for key in gone:
        consul.delete_key(key)
    return len(changed) + len(gone)


def _grant_in_consul(name: str, rules: str, consul: Consul) -> int:
    policy = consul.acl_policy(name)
    writes = 0
    if policy is None:
        consul.api.put("/v1/acl/policy", json={"Name": name, "Rules": rules, "Description": "berth"})
        writes += 1
    elif policy["Rules"] != rules:
        consul.api.put(f"/v1/acl/policy/{policy['ID']}", json={**policy, "Rules": rules})
        writes += 1
    if consul.acl_role(name) is None:
        consul.api.put("/v1/acl/role", json={"Name": name, "Description": "berth", "Policies": [{"Name": name}]})
        writes += 1
    return writes


def _covers(live: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether every wanted field is live; Vault adds defaults of its own, which are not ours to compare."""
    return live is not None and all(live.get(field) == value for field, value in wanted.items())


def _missing(path: str, service: Service, secret: Secret, platform: Platform) -> BerthError:
    full = f"{KV_MOUNT}/{platform.namespace}/{path}"
    fields = " ".join(f"{field}=-" for field in secret.fields)
    fix = f"give it a value: `vault kv put -cas=0 {full} {fields}` reads from stdin"
    return ConfigError(f"service '{service.name}'", f"the secret {full} is missing", fix)
