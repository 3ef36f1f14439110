"""What Vault holds: audit devices, the engine for secrets, the login of Nomad's workloads, policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.holdings.entry import Entry
from nomad_jobs.mounts import JOBS_MOUNT

HEADER = "X-Vault-Token"
VERSIONS_KEPT = 10
"""How many versions of a secret Vault keeps."""
_VERSIONS = {"cas_required": True, "max_versions": VERSIONS_KEPT}
"""A write names the version that it follows."""


def audit(file: str) -> tuple[Entry, ...]:
    """Describe two audit devices: Vault stops when it can write to neither, and a full disk stops only `file`."""
    return tuple(
        Entry(
            at="sys/audit",
            within=("data", f"{name}/"),
            body={"type": "file", "options": {"file_path": path, "mode": "0600"}},
            make=f"sys/audit/{name}",
            is_replaced=True,
            remove=f"sys/audit/{name}",
        )
        for name, path in (("file", file), ("stdout", "stdout"))
    )


def policy(name: str, rules: str) -> Entry:
    """Describe a policy."""
    path = f"sys/policies/acl/{name}"
    return Entry(at=path, within=("data",), body={"policy": rules}, make=path)


def plugin(kind: str, name: str, command: str, sha256: str) -> Entry:
    """Describe an engine outside Vault's own program; `command` is its file in Vault's plugin directory."""
    path = f"sys/plugins/catalog/{kind}/{name}"
    return Entry(at=path, within=("data",), body={"command": command, "sha256": sha256}, make=path)


def kv(mount: str) -> tuple[Entry, Entry]:
    """Describe a KV v2 engine and its settings, which a new engine refuses for a moment: retry until it takes them."""
    engine = Entry(
        at="sys/mounts",
        within=("data", f"{mount}/"),
        body={"type": "kv", "options": {"version": "2"}},
        make=f"sys/mounts/{mount}",
        method="POST",
    )
    return engine, setting(f"{mount}/config", _VERSIONS)


def engine(kind: str) -> Entry:
    """Describe an engine, mounted under its own name."""
    path = f"sys/mounts/{kind}"
    return Entry(at="sys/mounts", within=("data", f"{kind}/"), body={"type": kind}, make=path, method="POST")


def setting(path: str, body: Mapping[str, Any], shown: Mapping[str, Any] | None = None) -> Entry:
    """Describe a setting of an engine or a login; `shown` is what Vault shows of it, where that is not the body."""
    return Entry(at=path, within=("data",), body=body, make=path, method="POST", compared=shown or {})


def jobs_login(jwks_url: str, issuer: str, ca: str = "") -> tuple[Entry, Entry]:
    """Describe how workloads log in with their identities; there is no default role, since a job names its own.

    `ca` is the authority (PEM) of `jwks_url`; empty: it is plain HTTP on loopback.
    """
    method = Entry(
        at="sys/auth",
        within=("data", f"{JOBS_MOUNT}/"),
        body={"type": "jwt"},
        make=f"sys/auth/{JOBS_MOUNT}",
        method="POST",
    )
    config = {
        "jwks_url": jwks_url,
        "bound_issuer": issuer,
        "jwt_supported_algs": ["RS256", "EdDSA"],
        "default_role": "",
        **({"jwks_ca_pem": ca} if ca else {}),
    }
    return method, setting(f"auth/{JOBS_MOUNT}/config", config)
