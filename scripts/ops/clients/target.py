"""Builds the clients that act on one stack."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Self

from nomad_jobs.platform import Platform
from scripts.ops.clients.consul import Consul
from scripts.ops.clients.nomad import Nomad
from scripts.ops.clients.vault import Vault
from scripts.ops.credentials import Credentials


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A stack and the clients that act on it."""

    platform: Platform
    nomad: Nomad
    consul: Consul
    vault: Vault

    @classmethod
    @contextmanager
    def of(cls, platform: Platform, credentials: Credentials) -> Iterator[Self]:
        """Make the three clients of a platform; they are closed when the block ends."""
        with ExitStack() as clients:
            yield cls(
                platform=platform,
                nomad=clients.enter_context(
                    closing(Nomad(platform.nomad_url, credentials.nomad, platform.ca_file, platform.namespace))
                ),
                consul=clients.enter_context(
                    closing(Consul(platform.consul_url, credentials.consul, platform.ca_file))
                ),
                vault=clients.enter_context(closing(Vault(platform.vault_url, credentials.vault, platform.ca_file))),
            )
