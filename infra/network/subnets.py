"""The subnet plan: pure arithmetic from a network, its zones and its tiers to subnets that never move.

The network is cut into one block for each zone there may ever be, so that a zone added later takes the next block and
no subnet moves. Inside a zone's block the first tier takes half, the next a quarter, and so on; the last takes all that
is left. Only the blocks of zones not yet added are unused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from nomad_jobs.errors import BerthError, ConfigError, raise_all

ZONES_MIN, ZONES_MAX = 2, 4
PREFIX_WIDEST, PREFIX_NARROWEST = 16, 22
"""AWS allows networks of /16 to /28; four zones of four tiers fit into a /22."""
IPV6_PER_ZONE = 8
"""IPv6 subnets set aside for each zone: AWS gives a network 256 of them."""


class Tier(StrEnum):
    """What a subnet can reach, and what can reach it."""

    PRIVATE = "private"
    """Out through NAT where there is one, never in: app and GPU nodes."""
    PUBLIC = "public"
    """Out and in: NGINX, its load balancer and the NAT gateways."""
    ISOLATED = "isolated"
    """No way to the internet at all: the servers, which hold every key, and AWS's endpoints."""


TIERS = (Tier.PRIVATE, Tier.PUBLIC, Tier.ISOLATED)
"""Widest first."""


class Nat(StrEnum):
    """How private subnets reach the internet."""

    NONE = "none"
    """Not at all: everything comes through AWS's endpoints."""
    SINGLE = "single"
    """Through one gateway, which costs least and fails with its zone."""
    PER_ZONE = "per_zone"
    """Through one in each zone: no zone needs another's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubnetPlan:
    """One subnet."""

    tier: Tier
    zone: str
    cidr: IPv4Network
    ipv6_index: int
    """Which /64 of the network's /56 it takes, where there is IPv6."""

    @property
    def name(self) -> str:
        """Its identity, which depends neither on its place nor on its addresses."""
        return f"{self.tier}-{self.zone}"


def plan_subnets(cidr: IPv4Network, zones: Sequence[str], tiers: Sequence[Tier] = TIERS) -> tuple[SubnetPlan, ...]:
    """Plan one subnet for each zone and tier, in that order.

    The n-th zone takes the n-th block, so a new zone goes to the end of `zones`.

    Raises:
        ConfigError: (or ManyErrors) the network is too wide or too narrow, or zones or tiers are too few, too many or
            named twice.

    """
    raise_all(_faults(cidr, zones, tiers))
    blocks = list(cidr.subnets(new_prefix=cidr.prefixlen + (ZONES_MAX - 1).bit_length()))
    return tuple(
        SubnetPlan(tier=tier, zone=zone, cidr=network, ipv6_index=slot * IPV6_PER_ZONE + place)
        for slot, (zone, block) in enumerate(zip(zones, blocks, strict=False))
        for place, (tier, network) in enumerate(zip(tiers, _halved(block, len(tiers)), strict=True))
    )


def nat_zones(zones: tuple[str, ...], nat: Nat) -> tuple[str, ...]:
    """Name the zones that have a NAT gateway."""
    return {Nat.NONE: (), Nat.SINGLE: zones[:1], Nat.PER_ZONE: zones}[nat]


def _halved(block: IPv4Network, count: int) -> list[IPv4Network]:
    """Cut `block` into `count` networks that fill it: a half, a quarter, and so on; the last two are equal."""
    cut = []
    for _ in range(count - 1):
        half, block = block.subnets()
        cut.append(half)
    return [*cut, block]


def _faults(cidr: IPv4Network, zones: Sequence[str], tiers: Sequence[Tier]) -> list[BerthError]:
    found = []
    if not PREFIX_WIDEST <= cidr.prefixlen <= PREFIX_NARROWEST:
        found.append(f"{cidr} must be a network of /{PREFIX_WIDEST} to /{PREFIX_NARROWEST}")
    if not ZONES_MIN <= len(zones) <= ZONES_MAX:
        found.append(f"{len(zones)} zone(s), but there must be {ZONES_MIN} to {ZONES_MAX}")
    if len(set(zones)) < len(zones) or len(set(tiers)) < len(tiers) or not tiers:
        found.append("each zone and each tier must be named once")
    return [ConfigError("subnet plan", what) for what in found]
