"""Brings every form of a firewall rule to one shape: who may pass, in which direction, at which ports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from infra.network.ports import TABLE
from infra.policy.resource import UNKNOWN, Resource

LAST_PORT = 65535
_ALL = {"-1", "all"}
_NUMBERS = {"6": "tcp", "17": "udp"}
"""IANA's protocol numbers, which AWS accepts instead of names."""
_INSIDE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
"""Addresses that the internet does not route."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """Ports that are open in one direction to `sources`: networks, prefix lists and groups, as written."""

    is_ingress: bool
    protocol: str
    """`tcp`, `udp`, another, or `-1` for all of them."""
    first: int
    last: int
    networks: tuple[str, ...] = ()
    prefix_lists: tuple[str, ...] = ()
    has_group: bool = False

    @property
    def port(self) -> str:
        """The ports as people write them, with the platform's own among them by name."""
        if self.protocol not in {"tcp", "udp", "-1"}:
            return self.protocol
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        hit = [row.name for row in TABLE if row.first <= self.last and self.first <= row.last]
        names = "every port of the platform" if len(hit) == len(TABLE) else ", ".join(hit)
        return f"{span}/{'all' if self.protocol == '-1' else self.protocol}" + (f" ({names})" if names else "")

    @property
    def world(self) -> str:
        """The first source that is, or may be, the internet; empty if none."""
        lists = self.prefix_lists if self.is_ingress else ()  # going out they are AWS's own services
        return next(iter([*filter(is_outside, self.networks), *lists]), "")


def is_outside(network: str) -> bool:
    """Whether any address of `network` is the internet's; text that is no network counts as the internet."""
    try:
        parsed = ip_network(network, strict=False)
    except ValueError:
        return True
    return not any(_holds(inside, parsed) for inside in _INSIDE)


def _holds(wide: IPv4Network | IPv6Network, one: IPv4Network | IPv6Network) -> bool:
    if isinstance(wide, IPv4Network):
        return isinstance(one, IPv4Network) and one.subnet_of(wide)
    return isinstance(one, IPv6Network) and one.subnet_of(wide)


def openings(resource: Resource) -> Iterator[Opening]:
    """Yield what a resource of any kind opens: separate rules, old and new, and rules inside a group."""
    props = resource.props
    match resource.kind:
        case "SecurityGroupIngressRule" | "SecurityGroupEgressRule":
            yield _separate(props, is_ingress=resource.kind == "SecurityGroupIngressRule")
        case "SecurityGroupRule":
            yield _block(props, is_ingress=props.get("type") != "egress")
        case "SecurityGroup" | "DefaultSecurityGroup":
            for way in ("ingress", "egress"):
                for block in resource.items(way):
                    yield _block(block, is_ingress=way == "ingress")
        case _:
            pass


def _separate(props: Mapping[str, Any], *, is_ingress: bool) -> Opening:
    protocol, first, last = _ports(props.get("ipProtocol"), props.get("fromPort"), props.get("toPort"))
    return Opening(
        is_ingress=is_ingress,
        protocol=protocol,
        first=first,
        last=last,
        networks=_texts(props.get("cidrIpv4"), props.get("cidrIpv6")),
        prefix_lists=_marked(props.get("prefixListId")),
        has_group=props.get("referencedSecurityGroupId") is not None,
    )


def _block(props: Mapping[str, Any], *, is_ingress: bool) -> Opening:
    protocol, first, last = _ports(props.get("protocol"), props.get("fromPort"), props.get("toPort"))
    return Opening(
        is_ingress=is_ingress,
        protocol=protocol,
        first=first,
        last=last,
        networks=_texts(*_listed(props.get("cidrBlocks")), *_listed(props.get("ipv6CidrBlocks"))),
        prefix_lists=_marked(*_listed(props.get("prefixListIds"))),
        has_group=bool(props.get("sourceSecurityGroupId") or props.get("securityGroups") or props.get("self")),
    )


def _ports(protocol: Any, first: Any, last: Any) -> tuple[str, int, int]:
    """Read protocol and ports; all protocols mean all ports, and so does a port that is not named."""
    name = str(protocol).lower() if protocol is not UNKNOWN else "-1"
    name = "-1" if name in _ALL else _NUMBERS.get(name, name)
    if name not in {"tcp", "udp"} or not isinstance(first, int | float) or not isinstance(last, int | float):
        return name, 0, LAST_PORT
    return name, int(first), int(last)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _texts(*values: Any) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)


def _marked(*values: Any) -> tuple[str, ...]:
    """Keep prefix lists even where a preview does not know which: what they hold is unknown in any case."""
    return tuple("a prefix list" if value is UNKNOWN else str(value) for value in values if value)
