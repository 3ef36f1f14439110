"""Finds the version of each secret that a deployment reads, and refuses one that is missing or lacks a field."""

import json
import shlex
from collections.abc import Iterator, Sequence

from nomad_jobs.errors import ConfigError, raise_all
from nomad_jobs.model import Secret, Service, secret_path
from nomad_jobs.mounts import KV_MOUNT
from nomad_jobs.platform import Platform
from nomad_jobs.registry import REGISTRY
from scripts.ops.clients.vault import Newest, Vault


def secret_versions(services: Sequence[Service], platform: Platform, vault: Vault) -> dict[str, int]:
    """Give the newest version of each secret that the services read, by path below the namespace. No value is read.

    Raises:
        ConfigError: (or ManyErrors) a secret is missing, was deleted, or lacks a field; with the command that fixes it.

    """
    wanted = {secret_path(secret, one): (one, secret) for one in services for secret in one.secrets}
    if platform.runs_containers and not platform.is_laptop:  # a laptop's Docker has the logins of its user
        wanted |= {f"{REGISTRY.login.owner}/{REGISTRY.login.name}": one for one in _pulled(services)}
    found = {path: vault.newest(f"{platform.namespace}/{path}") for path in wanted}
    raise_all(
        ConfigError(f"service '{service.name}'", *fault)
        for path, (service, secret) in wanted.items()
        for fault in _faults(
            f"{KV_MOUNT}/{platform.namespace}/{path}", _fields(path, services) or secret.fields, found[path]
        )
    )
    return {path: newest.version for path, newest in found.items()}


def _pulled(services: Sequence[Service]) -> Iterator[tuple[Service, Secret]]:
    """Give the first service whose image comes from the team's own registry: nodes then need its login."""
    ours = [service for service in services if service.container.image.startswith(f"{REGISTRY.host}/")]
    yield from ((service, REGISTRY.login) for service in ours[:1])


def _fields(path: str, services: Sequence[Service]) -> tuple[str, ...]:
    """Give every field that the services ask of the secret at `path`: each may name different ones."""
    named = [
        name for one in services for secret in one.secrets if secret_path(secret, one) == path for name in secret.fields
    ]
    return tuple(dict.fromkeys(named))


def _faults(path: str, fields: Sequence[str], newest: Newest) -> Iterator[tuple[str, str]]:
    where = shlex.quote(path)
    example = json.dumps(dict.fromkeys(fields, "…"), ensure_ascii=False)
    write = f"`vault kv put -cas={newest.version} {where} -` takes {example} from stdin"
    if newest.version == 0:
        yield f"the secret {path} is missing", f"give it a value: {write}"
    elif newest.is_destroyed:
        yield (
            f"the newest version of the secret {path}, {newest.version}, was destroyed",
            f"give it a new value: {write}",
        )
    elif newest.is_deleted:
        undelete = f"`vault kv undelete -versions={newest.version} {where}` brings it back; {write}"
        yield f"the newest version of the secret {path}, {newest.version}, was deleted", undelete
    elif missing := [name for name in fields if name not in newest.fields]:
        has = ", ".join(sorted(newest.fields)) or "none"
        what = f"the secret {path} has no field {', '.join(missing)} in version {newest.version}, only {has}"
        values = " ".join(f"{shlex.quote(name)}=-" for name in missing[:1])
        yield what, f"add it: `vault kv patch -cas={newest.version} {where} {values}` reads the value from stdin"
