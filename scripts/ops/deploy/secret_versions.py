"""Finds the version of each secret that a deployment reads, and refuses one that is missing or lacks a field."""

import json
import shlex
from collections.abc import Iterator, Sequence

from nomad_jobs.errors import ConfigError, raise_all
from nomad_jobs.model import Secret, Service, secret_path
from nomad_jobs.mounts import KV_MOUNT
from nomad_jobs.platform import Platform
from nomad_jobs.registry import REGISTRY
from scripts.ops.clients.vault import SecretVersion, Vault


def secret_versions(services: Sequence[Service], platform: Platform, vault: Vault) -> dict[str, SecretVersion]:
    """Give the version to use of each secret that the services read, by path below the namespace. No value is read.

    It is the newest one, or the one that somebody pinned.

    Raises:
        ConfigError: (or ManyErrors) a secret is missing, was deleted, or lacks a field; with the command that fixes it.

    """
    wanted = {secret_path(secret, one): (one, secret) for one in services for secret in one.secrets}
    if platform.runs_containers and not platform.is_laptop:  # a laptop's Docker has the logins of its user
        wanted |= {f"{REGISTRY.login.owner}/{REGISTRY.login.name}": one for one in _pulled(services)}
    found = {path: vault.in_use(f"{platform.namespace}/{path}") for path in wanted}
    raise_all(
        ConfigError(f"service '{service.name}'", *fault)
        for path, (service, secret) in wanted.items()
        for fault in _faults(path, platform, _fields(path, services) or secret.fields, found[path])
    )
    return found


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


def _faults(name: str, platform: Platform, fields: Sequence[str], found: SecretVersion) -> Iterator[tuple[str, str]]:
    if found.pinned:
        yield from _pin_faults(name, platform, fields, found)
        return
    path = f"{KV_MOUNT}/{platform.namespace}/{name}"
    command = f"berth secrets set {name} {platform.stack}"
    write = f"`{command} --from-json` takes {_example(fields)} from stdin" if len(fields) > 1 else f"`{command}`"
    newest = f"the newest version of the secret {path}, {found.version},"
    if found.version == 0:
        yield f"the secret {path} is missing", f"give it a value: {write}"
    elif found.is_destroyed:
        yield f"{newest} was destroyed", f"give it a new value: {write}"
    elif found.is_deleted:
        undelete = f"`vault kv undelete -versions={found.version} {shlex.quote(path)}` brings it back"
        yield f"{newest} was deleted", f"{undelete}; {write} gives it a new value"
    elif missing := [one for one in fields if one not in found.fields]:
        has = ", ".join(sorted(found.fields)) or "none"
        what = f"the secret {path} has no field {', '.join(missing)} in version {found.version}, only {has}"
        yield what, f"add it: `{command} --field {shlex.quote(missing[0])}` takes the value from stdin, or asks"


def _example(fields: Sequence[str]) -> str:
    return json.dumps(dict.fromkeys(fields, "…"), ensure_ascii=False)


def _pin_faults(
    name: str, platform: Platform, fields: Sequence[str], found: SecretVersion
) -> Iterator[tuple[str, str]]:
    fix = f"`berth secrets pin {name} newest {platform.stack}` ends the pin, and a number instead moves it"
    what = f"the secret {name} is pinned to version {found.pinned}, which"
    if found.is_deleted:
        yield f"{what} cannot be read any more", fix
    elif missing := [one for one in fields if one not in found.fields]:
        yield f"{what} has no field {', '.join(missing)}", fix
