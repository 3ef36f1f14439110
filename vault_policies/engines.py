"""Renders what Vault's engines must hold for services: roles that make their credentials, keys, and databases."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nomad_jobs.model import Database, DynamicAws, DynamicDatabase, Service, StaticDatabase
from nomad_jobs.model.credentials import role_name
from nomad_jobs.mounts import AWS_MOUNT, DATABASE_MOUNT, TRANSIT_MOUNT
from nomad_jobs.platform import Platform
from nomad_jobs.text import render

_ROOT = Path(__file__).parent.parent
_TEMPLATES = Path(__file__).parent / "templates"
_CONNECT_S = 5


def entries(service: Service, platform: Platform) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each role and key of the service: its path in Vault, and what stands there."""
    for source in service.credentials:
        role = role_name(service.name, source.name)
        match source:
            case DynamicDatabase():
                yield f"{DATABASE_MOUNT}/roles/{role}", _dynamic(source, service)
            case StaticDatabase():
                yield f"{DATABASE_MOUNT}/static-roles/{role}", _static(source)
            case DynamicAws():
                yield f"{AWS_MOUNT}/roles/{role}", _aws(source, platform)
    for key in service.transit:
        yield f"{TRANSIT_MOUNT}/keys/{role_name(service.name, key.name)}", _TRANSIT


def databases(services: Sequence[Service]) -> Mapping[str, Mapping[str, Any]]:
    """Give the connection to each database that the services use, without its password, by path in Vault.

    `allowed_roles` are exactly the roles of these services.
    """
    roles: dict[Database, list[str]] = {}
    for service in services:
        for source in service.credentials:
            if isinstance(source, DynamicDatabase | StaticDatabase):
                roles.setdefault(source.database, []).append(role_name(service.name, source.name))
    return {f"{DATABASE_MOUNT}/config/{one.name}": _connection(one, found) for one, found in roles.items()}


def paths(service: Service) -> Iterator[tuple[str, str]]:
    """Yield what the service's own token may do at the engines: path and capability."""
    for source in service.credentials:
        yield source.path(service.name), "read"
    for key in service.transit:
        for verb in ("encrypt", "decrypt", "rewrap"):
            yield f"{TRANSIT_MOUNT}/{verb}/{role_name(service.name, key.name)}", "update"


def engines(services: Sequence[Service]) -> frozenset[str]:
    """Name the mounts that the services need."""
    found = {path.partition("/")[0] for service in services for path, _ in paths(service)}
    return frozenset(found)


def _connection(database: Database, roles: Sequence[str]) -> Mapping[str, Any]:
    authority = {"tls_ca": (_ROOT / database.ca_file).read_text()} if database.ca_file else {}
    return {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": "postgresql://{{username}}:{{password}}"
        f"@{database.address}?sslmode={database.sslmode}&connect_timeout={_CONNECT_S}",
        "username": database.admin,
        # Vault hashes a password before it sends it, so that PostgreSQL's own log has none.
        "password_authentication": "scram-sha-256",
        # Who looks at pg_stat_activity sees the service; PostgreSQL takes 63 letters.
        "username_template": '{{ printf "%s-%s" (.RoleName | truncate 50) (random 12 | lowercase) }}',
        "allowed_roles": sorted(set(roles)),
        **authority,
    }


def _dynamic(source: DynamicDatabase, service: Service) -> Mapping[str, Any]:
    return {
        "db_name": source.database.name,
        "creation_statements": _statements("creation.sql.j2", service, source),
        "revocation_statements": _statements("revocation.sql.j2", service, source),
        "default_ttl": source.ttl_s,
        "max_ttl": source.max_ttl_s,
        # Vault keeps what a write does not name, so whatever could widen the rest is named here and below.
        "renew_statements": [],
        "rollback_statements": [],
    }


def _statements(template: str, service: Service, source: DynamicDatabase) -> list[str]:
    """Render the SQL that Vault runs, each statement by itself; what the users create belongs to the service's role."""
    text = render(_TEMPLATES, template, {"owner": service.vault_name, "grants": source.grants})
    return [one.strip() for one in text.split("\n\n") if one.strip()]


def _static(source: StaticDatabase) -> Mapping[str, Any]:
    return {
        "db_name": source.database.name,
        "username": source.user,
        "rotation_period": source.rotation_s,
        "rotation_statements": [],
    }


_TRANSIT: Mapping[str, Any] = {
    "type": "aes256-gcm96",
    "exportable": False,
    "allow_plaintext_backup": False,
    "deletion_allowed": False,
}


def _aws(source: DynamicAws, platform: Platform) -> Mapping[str, Any]:
    return {
        "credential_type": "assumed_role",
        "role_arns": [platform.aws.workload_role],
        "policy_document": json.dumps(_session_policy(source, platform), separators=(",", ":")),
        "default_sts_ttl": source.ttl_s,
        "max_sts_ttl": source.ttl_s,
        "policy_arns": [],
        "iam_groups": [],
    }


def _session_policy(source: DynamicAws, platform: Platform) -> Mapping[str, Any]:
    """Write what is left of the workload role's rights: these buckets, and the key of their objects through S3."""
    arns = [f"arn:aws:s3:::{platform.buckets[bucket]}" for bucket in source.buckets]
    objects = ["s3:GetObject", *(["s3:PutObject", "s3:DeleteObject"] if source.writes else [])]
    allowed = [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": arns},
        {"Effect": "Allow", "Action": objects, "Resource": [f"{arn}/*" for arn in arns]},
    ]
    if platform.aws.storage_key:
        use = ["kms:Decrypt", *(["kms:GenerateDataKey"] if source.writes else [])]
        allowed.append({"Effect": "Allow", "Action": use, "Resource": [platform.aws.storage_key]})
    return {"Version": "2012-10-17", "Statement": allowed}
