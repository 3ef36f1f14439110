"""Where in Consul's KV a stack keeps what its nodes follow: routes, and versions of secrets that can be reloaded."""

from nomad_jobs.model import Secret, Service, secret_path
from nomad_jobs.platform import Platform


def routes_prefix(stack: str) -> str:
    """Where the front door finds one record for each routed service."""
    return f"berth/{stack}/routes"


def pin_key(secret: Secret, reader: Service, platform: Platform) -> str:
    """Where the version of a secret is that a running task follows."""
    return f"berth/{platform.stack}/versions/{secret_path(secret, reader)}"
