"""Where in Vault things are: read by renderers, and by machines, whose program is Python 3.9 without any package."""

KV_MOUNT = "secret"
"""The KV v2 engine that holds every secret of the catalogue."""
JOBS_MOUNT = "jwt-nomad"
"""Where Vault accepts the identities that Nomad signs."""
