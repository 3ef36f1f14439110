"""Finds every fault of a stack's settings whose values have the right types; pure, in one pass."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network
from typing import Any

from pulumi_aws import Region

from infra.compute.instance_types import INSTANCE_TYPES
from infra.compute.pools import pool_config_faults
from infra.config.login_checks import login_faults
from infra.config.private import PRIVATE, is_private
from infra.config.reader import fix
from infra.network.endpoints import ALWAYS_NEEDED, INTERFACES
from infra.network.subnets import PREFIX_NARROWEST, PREFIX_WIDEST, ZONES_MAX, ZONES_MIN, Nat
from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import BerthError, ConfigError
from nomad_jobs.platform import LOCAL, Driver
from nomad_jobs.resolve import resolve

REGIONS = tuple(one.value for one in Region if re.match(r"^(af|ap|ca|eu|il|me|mx|sa|us)-(?!gov|iso)[a-z]+-\d$", one))
"""AWS's commercial regions; other partitions have other endpoint names, bucket names and prices."""
DOCKER_NETWORK = IPv4Network("172.17.0.0/16")
"""Docker's own bridge: if the stack's network overlaps it, containers cannot reach our machines."""
QUORUM = 3
"""The fewest servers that survive the loss of one."""

_LETTERS = "abcdef"
"""Letters that the names of availability zones end in; no region has more."""
_STACK = re.compile(r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$")
_DOMAIN = re.compile(r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_ZONE_ID = re.compile(r"^[A-Z0-9]{8,32}$")


def faults(found: Mapping[str, Any]) -> Iterator[BerthError]:
    """Yield every fault of the values that could be read; the reader keeps the faults of the others."""
    for check in (_place_faults, _network_faults, _egress_faults, _server_faults, _contact_faults):
        yield from check(found)
    yield from login_faults(found)
    if {"pools", "zones"} <= set(found):
        stack = found.get("stack", "…")
        services = resolve(SERVICES, stack, Driver.DOCKER).services
        yield from pool_config_faults(found["pools"], services, stack=stack, zones=found["zones"])


def _fault(key: str, what: str, example: object) -> ConfigError:
    path = "aws:region" if key == "region" else f"berth:{key}"
    return ConfigError(path, what, fix(path, example))


def _place_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    stack = found.get("stack")
    region = found.get("region")
    zones = found.get("zones", ())
    if stack is not None and (not _STACK.match(stack) or stack == LOCAL):
        what = f"'{stack}' must be 2 to 20 lower-case letters, digits and dashes, and not 'local', which is the laptop"
        yield ConfigError("stack", what, "`pulumi stack rename dev`")
    if region is not None and region not in REGIONS:
        close = get_close_matches(region, REGIONS, n=1) or ["us-east-1"]
        yield _fault("region", f"Berth knows no region '{region}'", close[0])
    elif region is not None:
        yield from _zone_faults(region, zones)
    if "zones" in found and not ZONES_MIN <= len(zones) <= ZONES_MAX:
        what = f"{len(zones)} zone(s), but there must be {ZONES_MIN} to {ZONES_MAX}"
        yield _fault(f"zones[{min(len(zones), ZONES_MAX)}]", what, f"{region or 'us-east-1'}b")
    for place, zone in enumerate(zones):
        if zone in zones[:place]:
            free = [one for one in (zone[:-1] + letter for letter in _LETTERS) if one not in zones]
            yield _fault(f"zones[{place}]", f"{zone} must be named once", next(iter(free), "…"))


def _zone_faults(region: str, zones: tuple[str, ...]) -> Iterator[ConfigError]:
    for place, zone in enumerate(zones):
        if not re.match(f"^{region}[{_LETTERS}]$", zone):
            what = f"'{zone}' is no zone of {region}, whose zones are {region}a and so on"
            yield _fault(f"zones[{place}]", what, f"{region}{_LETTERS[min(place, len(_LETTERS) - 1)]}")


def _network_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    cidr = found.get("cidr")
    others = found.get("on_prem_cidrs", ())
    for place, other in enumerate(others):
        if not is_private(other):
            yield _fault(f"on_prem_cidrs[{place}]", f"{other} is not a private network", "192.168.10.0/24")
    if cidr is None:
        return
    if not PREFIX_WIDEST <= cidr.prefixlen <= PREFIX_NARROWEST:
        size = "too small" if cidr.prefixlen > PREFIX_NARROWEST else "larger than AWS allows"
        what = f"{cidr} is {size}: it must be /{PREFIX_WIDEST} to /{PREFIX_NARROWEST}"
        yield _fault("cidr", what, f"{cidr.network_address}/{PREFIX_NARROWEST if size == 'too small' else 16}")
    if not is_private(cidr):
        yield _fault("cidr", f"{cidr} is not a private network", "10.20.0.0/16")
    for other, whose in [(DOCKER_NETWORK, "Docker's own network"), *((one, "berth:on_prem_cidrs") for one in others)]:
        if cidr.overlaps(other):
            yield _fault("cidr", f"{cidr} overlaps {other}, {whose}", _beside(cidr, [DOCKER_NETWORK, *others]))


def _beside(cidr: IPv4Network, taken: list[IPv4Network]) -> IPv4Network:
    """Find a network of the same size that overlaps none of `taken`."""
    prefix = min(max(cidr.prefixlen, PREFIX_WIDEST), PREFIX_NARROWEST)
    free = (one for wide in PRIVATE for one in wide.subnets(new_prefix=prefix))
    return next((one for one in free if not any(one.overlaps(other) for other in taken)), IPv4Network("10.20.0.0/16"))


def _egress_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    for place, port in enumerate(found.get("egress_ports", ())):
        if not 0 < port < 2**16:
            yield _fault(f"egress_ports[{place}]", f"{port} is not a port number, 1 to 65535", 443)
    services = found.get("interface_endpoints")
    if services is None:
        return
    for place, service in enumerate(services):
        if service not in INTERFACES:
            close = get_close_matches(service, INTERFACES, n=1) or ["ec2"]
            what = f"Berth knows no endpoint '{service}', only {', '.join(INTERFACES)}"
            yield _fault(f"interface_endpoints[{place}]", what, close[0])
    needed = (*ALWAYS_NEEDED, *(("ecr.api", "ecr.dkr") if found.get("nat") is Nat.NONE else ()))
    missing = [service for service in needed if service not in services]
    for place, service in enumerate(missing, len(services)):
        why = "no node can pull images" if service.startswith("ecr") else "the servers cannot reach it"
        yield _fault(f"interface_endpoints[{place}]", f"'{service}' must be listed: without it {why}", service)


def _server_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    servers = found.get("servers")
    kind = found.get("server_type")
    zones = found.get("zones")
    if servers is not None and servers not in {1, 3, 5}:
        yield _fault("servers", f"{servers} servers: must be 1, 3 or 5, so that a majority survives a loss", QUORUM)
    elif servers is not None and servers < QUORUM and found.get("stack") == "prod":
        yield _fault("servers", "a single server loses everything with its disk: prod needs 3 or 5", QUORUM)
    if servers is not None and zones is not None and servers >= QUORUM and ZONES_MIN <= len(zones) < QUORUM:
        what = f"{servers} servers over {len(zones)} zones: losing one zone may lose the majority"
        yield _fault(f"zones[{len(zones)}]", what, f"{found.get('region', 'us-east-1')}c")
    if kind is not None and kind not in INSTANCE_TYPES:
        close = get_close_matches(kind, INSTANCE_TYPES, n=1, cutoff=0.3) or ["m7i.large"]
        yield _fault("server_type", f"Berth knows no instance type '{kind}'", close[0])


def _contact_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    for key, pattern, what, example in (
        ("domain", _DOMAIN, "is not a domain name", "berth.example.com"),
        ("hosted_zone_id", _ZONE_ID, "is not the ID of a Route 53 hosted zone", "Z0123456789ABCDEFGHIJ"),
        ("alarm_email", _EMAIL, "is not a mail address", "team@example.com"),
    ):
        if found.get(key) is not None and not pattern.match(found[key]):
            yield _fault(key, f"'{found[key]}' {what}", example)
    if found.get("budget_usd_month", 1) < 1:
        yield _fault("budget_usd_month", f"must be at least 1 US dollar, not {found['budget_usd_month']}", 1000)
