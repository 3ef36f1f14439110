"""Makes the first values of the laptop's secrets, writes each once, and shows none."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nginx.render import route_host
from nomad_jobs.model import Origin, Secret, Service, secret_path
from nomad_jobs.platform import Platform
from scripts.ops.clients.vault import Vault
from scripts.ops.local.authority import covers, make_certificate

_TOKEN_BYTES = 32
_MARK = {"made_by": "berth"}
"""In the metadata of each secret written here: no other secret is ever changed."""


def seed(services: Sequence[Service], platform: Platform, vault: Vault, keys: Path) -> int:
    """Write each secret of the catalogue that Vault lacks, and complete those made here; give the number of writes.

    `services` is the whole catalogue, since the certificate covers their hosts. What an operator has set stays: each
    write is a check-and-set, and only a secret with our mark gets missing fields, or a new version after it was
    deleted. `keys` is the folder of the laptop's certificate authority, which is made when first needed.
    """
    hosts = [route_host(service, platform) for service in services if service.route]
    return sum(_seed_one(path, secrets, hosts, vault, keys) for path, secrets in _paths(services, platform).items())


def complete(path: str, named: Sequence[Secret], vault: Vault) -> bool:
    """Give the fields of the secret at `path` that it lacks a random value; give whether any was written."""
    current = _changeable(path, vault)
    missing = [] if current is None else [field for one in named for field in one.fields if field not in current.values]
    if current and missing:
        made = {field: secrets.token_urlsafe(_TOKEN_BYTES) for field in missing}
        _write(path, {**current.values, **made}, current, vault)
    return bool(missing)


@dataclass(frozen=True, slots=True)
class _Current:
    version: int
    values: Mapping[str, Any]


def _seed_one(path: str, named: Sequence[Secret], hosts: Sequence[str], vault: Vault, keys: Path) -> bool:
    if not any(secret.origin is Origin.CERTIFICATE for secret in named):
        return complete(path, named, vault)
    current = _changeable(path, vault)
    # Clients refuse a wildcard directly below `localhost`, so a new host needs a new certificate.
    if current is None or covers(current.values.get("certificate", ""), hosts):
        return False
    made = make_certificate("Berth laptop front door", hosts, ["127.0.0.1"], keys)
    _write(path, dict(zip(("certificate", "private_key"), made, strict=True)), current, vault)
    return True


def _changeable(path: str, vault: Vault) -> _Current | None:
    """Read the secret at `path`; None if it is somebody else's."""
    newest = vault.newest(path)
    values = vault.secret(path) if newest.is_there else {}
    is_foreign = newest.version and not _is_ours(path, newest.version, vault)
    return None if is_foreign else _Current(newest.version, values)


def _write(path: str, values: dict[str, Any], before: _Current, vault: Vault) -> None:
    version = vault.put_secret(path, values, after_version=before.version)
    vault.mark(path, {**_MARK, "version": str(version)})


def write_headers(services: Sequence[Service], platform: Platform, vault: Vault, folder: Path) -> None:
    """Write the Authorization header of each sample to a 0600 file: `curl -H @file` keeps keys out of argv."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for service in services:
        bearer = service.route.sample.bearer if service.route else None
        if bearer is None:
            continue
        secret = f"{platform.namespace}/{secret_path(bearer.secret, service)}"
        value = vault.secret_at(secret, vault.in_use(secret).version)[bearer.field]
        path = folder / service.name
        path.touch(mode=0o600)
        path.write_text(f"Authorization: Bearer {value}\n")


def _paths(services: Sequence[Service], platform: Platform) -> Mapping[str, list[Secret]]:
    """Collect the secrets by path: services may each name different fields of the same one."""
    found: dict[str, list[Secret]] = {}
    for service in services:
        for secret in service.secrets:
            found.setdefault(f"{platform.namespace}/{secret_path(secret, service)}", []).append(secret)
    return found


def _is_ours(path: str, version: int, vault: Vault) -> bool:
    """Whether this version of a secret was made here: what somebody else wrote after it is theirs."""
    marks = (vault.metadata(path) or {}).get("custom_metadata") or {}
    return marks.items() >= {**_MARK, "version": str(version)}.items()
