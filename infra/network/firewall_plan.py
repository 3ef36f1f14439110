"""The firewall plan: pure, from the port table to one rule for each row, direction, group and peer.

Both ends of a connection get a rule: the listener an ingress rule, the caller an egress rule. What no row names is
closed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from infra.network.ports import MACHINE_KINDS, TABLE, Caller, MachineKind, OtherCaller, PlatformPort

HTTPS = 443


class Direction(StrEnum):
    """Which way packets pass, seen from the rule's group."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """The other end of a rule: exactly one of a group, a network, or S3 by its prefix list."""

    name: str
    group: str = ""
    ipv4: str = ""
    ipv6: str = ""
    is_s3: bool = False


ENDPOINTS = Peer(name="endpoints", group="endpoints")
"""AWS's interface endpoints: a group of their own."""
S3 = Peer(name="s3", is_s3=True)
WORLD = Peer(name="world", ipv4="0.0.0.0/0")
WORLD_V6 = Peer(name="world-v6", ipv6="::/0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule of the group `group`."""

    direction: Direction
    group: str
    peer: Peer
    what: str
    """Name of the row, such as `nomad_rpc`."""
    protocol: str
    first: int
    last: int
    purpose: str

    @property
    def name(self) -> str:
        """Its identity, so that a diff names group, port and peer."""
        word = "from" if self.direction is Direction.IN else "to"
        return f"{self.group}-{self.direction}-{self.what}-{self.protocol}-{word}-{self.peer.name}"

    @property
    def description(self) -> str:
        """What it is for, in the characters that AWS allows."""
        word = "from" if self.direction is Direction.IN else "to"
        return f"{self.what}: {self.purpose}; {word} {self.peer.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FirewallScope:
    """What lies outside the groups: the internet and the premises."""

    nat: bool
    """Whether app and GPU nodes have a route to the internet."""
    egress_ports: tuple[int, ...]
    """TCP ports of the internet that nodes may call: those of image registries."""
    ipv6: bool = False
    on_prem: tuple[IPv4Network, ...] = ()
    """Networks of machines on the premises, which join as clients."""
    provider: tuple[IPv4Network, int] | None = None
    """Network and port of the OIDC provider, which Vault's servers ask who a person is."""


def plan_rules(scope: FirewallScope, table: Sequence[PlatformPort] = TABLE) -> tuple[Rule, ...]:
    """Plan every rule of the stack, each once."""
    found = [*_table_rules(scope, table), *_endpoint_rules(), *_internet_rules(scope), *_provider_rules(scope)]
    return tuple(dict.fromkeys(found))


def _table_rules(scope: FirewallScope, table: Sequence[PlatformPort]) -> Iterator[Rule]:
    for row in table:
        listeners = [peer for end in row.listeners for peer in _peers(end, scope)]
        callers = [peer for end in row.allowed_from for peer in _peers(end, scope)]
        for listener in listeners:
            for caller in callers:
                for protocol in row.protocols:
                    if listener.group:
                        yield _row_rule(row, protocol, Direction.IN, listener.group, caller)
                    if caller.group:
                        yield _row_rule(row, protocol, Direction.OUT, caller.group, listener)


def _peers(end: Caller, scope: FirewallScope) -> list[Peer]:
    """Give the peers of one end of a row; loopback needs no rule, and machines on the premises count as clients."""
    if end is OtherCaller.HOST:
        return []
    if end is OtherCaller.WORLD:
        return [WORLD, WORLD_V6] if scope.ipv6 else [WORLD]
    outside = [Peer(name=f"on-prem-{net}".replace("/", "-"), ipv4=str(net)) for net in scope.on_prem]
    return [_group(end), *(outside if end is MachineKind.CLIENT else [])]


def _endpoint_rules() -> Iterator[Rule]:
    for kind in MACHINE_KINDS:
        machine = _group(kind)
        purpose = "AWS API, inside the network"
        yield _https(Direction.OUT, machine.group, ENDPOINTS, purpose)
        yield _https(Direction.IN, ENDPOINTS.group, machine, purpose)
        yield _https(Direction.OUT, machine.group, S3, "buckets, packages and image layers")


def _internet_rules(scope: FirewallScope) -> Iterator[Rule]:
    """Allow nodes to call image registries: ingress nodes always, the others where there is NAT."""
    callers = {MachineKind.INGRESS: [WORLD], MachineKind.CLIENT: [WORLD] if scope.nat else []}
    for kind, worlds in callers.items():
        for world in [*worlds, *([WORLD_V6] if scope.ipv6 else [])]:
            for port in scope.egress_ports:
                yield Rule(
                    direction=Direction.OUT,
                    group=kind.value,
                    peer=world,
                    what=f"registry_{port}",
                    protocol="tcp",
                    first=port,
                    last=port,
                    purpose="container images, pinned by digest",
                )


def _provider_rules(scope: FirewallScope) -> Iterator[Rule]:
    if scope.provider is not None:
        network, port = scope.provider
        yield Rule(
            direction=Direction.OUT,
            group=MachineKind.SERVER.value,
            peer=Peer(name=f"provider-{network}".replace("/", "-"), ipv4=str(network)),
            what="oidc",
            protocol="tcp",
            first=port,
            last=port,
            purpose="Vault asks the OIDC provider who a person is",
        )


def _group(kind: MachineKind) -> Peer:
    return Peer(name=kind.value, group=kind.value)


def _row_rule(row: PlatformPort, protocol: str, direction: Direction, group: str, peer: Peer) -> Rule:
    return Rule(
        direction=direction,
        group=group,
        peer=peer,
        what=row.name,
        protocol=protocol,
        first=row.first,
        last=row.last,
        purpose=row.purpose,
    )


def _https(direction: Direction, group: str, peer: Peer, purpose: str) -> Rule:
    return Rule(
        direction=direction,
        group=group,
        peer=peer,
        what="aws_api" if peer is not S3 else "s3",
        protocol="tcp",
        first=HTTPS,
        last=HTTPS,
        purpose=purpose,
    )
