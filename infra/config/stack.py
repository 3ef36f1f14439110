"""The stack's configuration: every setting, typed and checked; the only reader of `pulumi.Config`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from infra.access.gitlab import GitLabConfig
from infra.access.people import PeopleConfig
from infra.compute.pools import PoolConfig
from infra.config.checks import faults
from infra.config.reader import Reader
from infra.network.endpoints import ALWAYS_NEEDED
from infra.network.subnets import Nat
from nomad_jobs.errors import raise_all

NAMESPACE = "berth"


@dataclass(frozen=True, kw_only=True, slots=True)
class StackConfig:
    """One stack, as `Pulumi.<stack>.yaml` describes it: `berth:<field>`, and `aws:region`."""

    stack: str = field(metadata={"example": "dev"})
    """Pulumi's name of the stack; every resource is named after it."""
    region: str = field(metadata={"example": "us-east-1", "key": "aws:region"})
    """`aws:region`."""
    domain: str = field(metadata={"example": "berth.example.com"})
    """Routes are served under it, as `<host>.<domain>`."""
    hosted_zone_id: str | None = field(default=None, metadata={"example": "Z0123456789ABCDEFGHIJ"})
    """Route 53's zone of the domain; without one, records and certificates are left to whoever runs its DNS."""
    alarm_email: str = field(metadata={"example": "team@example.com"})
    """Who is told when the budget is about to be spent."""
    budget_usd_month: int = field(metadata={"example": 1000})
    """US dollars that a month may cost before the alarm; it stops nothing."""

    zones: tuple[str, ...] = field(metadata={"example": "us-east-1a"})
    """Two to four availability zones. Append new ones and never sort: the order decides addresses."""
    cidr: IPv4Network = field(metadata={"example": "10.20.0.0/16"})
    """The network, /16 to /22, of private addresses that no other network of yours uses."""
    on_prem_cidrs: tuple[IPv4Network, ...] = field(default=(), metadata={"example": "192.168.10.0/24"})
    """Networks, reached by VPN, whose machines may join as clients."""
    nat: Nat = Nat.SINGLE
    """How private subnets reach the internet."""
    ipv6: bool = False
    """Whether subnets have IPv6 too; the internet cannot connect to private ones."""
    egress_ports: tuple[int, ...] = field(default=(443,), metadata={"example": 443})
    """TCP ports of the internet that nodes may call, for the registries of their images."""
    interface_endpoints: tuple[str, ...] = field(default=ALWAYS_NEEDED, metadata={"example": "ec2"})
    """AWS services with an endpoint of their own inside the network; those that the servers need cannot be left out."""

    servers: int = field(metadata={"example": 3})
    """Machines that run Nomad's, Consul's and Vault's servers: 1, 3 or 5."""
    server_type: str = field(default="m7i.large", metadata={"example": "m7i.large"})
    """Their instance type."""
    pools: tuple[PoolConfig, ...] = ()
    """Node pools, one for each kind of service."""

    gitlab: GitLabConfig | None = None
    """Without it no pipeline has access."""
    people: PeopleConfig | None = None
    """Without it people log in to Vault by IAM role alone."""
    protect: bool = field(default=True, metadata={"example": "true"})
    """Whether Pulumi refuses to delete keys and buckets."""

    @classmethod
    def load(cls) -> Self:
        """Read the configuration of the stack that Pulumi runs.

        Raises:
            ConfigError: (or ManyErrors) one for each fault, with the `pulumi config set` that fixes it.

        """
        settings = {**get_config_env(), **CONFIG.get()}
        ours = {key.removeprefix(f"{NAMESPACE}:"): value for key, value in settings.items() if _is_ours(key)}
        return cls.parse({**ours, "stack": pulumi.get_stack(), "region": settings.get("aws:region")})

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Make a configuration of plain values, by field name; texts may stand for numbers, lists and records.

        Raises:
            ConfigError: (or ManyErrors) everything that is wrong, at once.

        """
        reader = Reader()
        found = reader.record(cls, values, f"{NAMESPACE}:")
        raise_all([*reader.faults, *faults(found)])
        return cls(**found)


def _is_ours(key: str) -> bool:
    return key.startswith(f"{NAMESPACE}:")
