"""Moves the pin that running instances follow to the version in use, whoever else moves it at the same time."""

from nomad_jobs.platform import Platform
from scripts.ops.clients.consul import Consul
from scripts.ops.clients.vault import Vault


def move(name: str, key: str, platform: Platform, vault: Vault, consul: Consul) -> tuple[str | None, int]:
    """Write the version of the secret `name` that is in use to `key` in Consul; give what stood there, and the version.

    The key is read before Vault is asked, and written only if nobody wrote it since: so of several who change a secret
    at once, the last to move the pin has seen what all of them wrote.
    """
    while True:
        before, index = consul.key_and_index(key)
        version = vault.in_use(f"{platform.namespace}/{name}").version
        if before == str(version) or consul.put_key(key, str(version), after=index):
            return before, version
