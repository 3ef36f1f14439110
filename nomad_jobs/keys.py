"""The keys in Consul's KV that a stack's nodes follow: routes, and the versions of secrets that tasks reload."""

from nomad_jobs.model import Secret, Service, secret_path
from nomad_jobs.platform import Platform


def routes_prefix(stack: str) -> str:
    """Prefix of the routes: the front door reads one record for each routed service."""
    return f"berth/{stack}/routes"


def versions_prefix(stack: str) -> str:
    """Prefix of the versions of secrets that running tasks follow."""
    return f"berth/{stack}/versions"


def pin_key(secret: Secret, reader: Service, platform: Platform) -> str:
    """Key of the version of a secret that a running task follows."""
    return f"{versions_prefix(platform.stack)}/{secret_path(secret, reader)}"
