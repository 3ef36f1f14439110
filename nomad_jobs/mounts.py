"""Vault's mounts. The machines' program, which is Python 3.9 without any package, imports this file too."""

KV_MOUNT = "secret"
"""The KV v2 engine that holds every secret of the catalogue."""
JOBS_MOUNT = "jwt-nomad"
"""The auth method that accepts the identities which Nomad signs."""
