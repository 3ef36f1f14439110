"""Counts what a stack pays for by the hour or the month, from its configuration; no price is guessed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.access.key_policies import PURPOSES
from infra.compute.disks import SERVER_DATA_GB, SERVER_ROOT_GB, root_gb
from infra.compute.pools import PoolConfig
from infra.network.subnets import nat_zones
from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import PoolKind
from nomad_jobs.platform import Driver
from nomad_jobs.resolve import resolve
from scripts.ops.cost import prices
from scripts.ops.cost.prices import HOURS_PER_MONTH, Item, Price

if TYPE_CHECKING:  # imports pulumi, which `berth` itself does not need
    from infra.config.stack import StackConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One thing that is paid for, whether or not it is used."""

    what: str
    detail: str
    count: float
    """How many, or how many GB."""
    price: Price | None
    """In dollars for each; None: no source was found."""
    per_month: bool = False
    """Whether the price is for a month rather than an hour."""
    is_instance: bool = False
    on_demand: Price | None = None
    spot: Price | None = None
    """Both prices of an instance, whichever of them it is bought at."""

    @property
    def usd_hour(self) -> float | None:
        """Dollars an hour; None without a price."""
        if self.price is None:
            return None
        return self.count * self.price.usd / (HOURS_PER_MONTH if self.per_month else 1)

    @property
    def usd_month(self) -> float | None:
        """Dollars a month of 730 hours."""
        return None if self.usd_hour is None else self.usd_hour * HOURS_PER_MONTH


def lines(config: "StackConfig") -> Iterator[Line]:
    """Count everything that the stack pays for by the hour or the month, pools at their desired size."""
    yield _instances("servers", config.server_type, config.servers, config.region)
    for pool in config.pools:
        yield from _pool(pool, config.region)
    yield from _network(config)
    yield _item(config, Item.GP3_GB, "disks of servers and nodes, data of servers", _disks_gb(config), per_month=True)
    yield _item(config, Item.KMS_KEY, "one for each purpose", len(PURPOSES), per_month=True)


def month_at_most(config: "StackConfig") -> float:
    """Sum a month with every pool at its `max` and every instance on-demand; unpriced lines count 0."""
    largest = (replace(pool, desired=pool.max, spot=False, on_demand_base=0) for pool in config.pools)
    return sum(one.usd_month or 0 for one in lines(replace(config, pools=tuple(largest))))


def idle_pools(config: "StackConfig") -> Iterator[str]:
    """Name the pools whose nodes are paid for while nothing of the stack's catalogue runs on them."""
    services = resolve(SERVICES, config.stack, Driver.DOCKER).services
    used = {service.pool for service in services if not service.is_parked}
    yield from (pool.name for pool in config.pools if pool.desired and pool.role not in used)


def _instances(what: str, instance_type: str, count: int, region: str, *, is_spot: bool = False) -> Line:
    on_demand = prices.on_demand(region, instance_type)
    spot = prices.spot(region, instance_type)
    return Line(
        what=what,
        detail=f"{instance_type}{', spot' if is_spot else ''}",
        count=count,
        price=spot if is_spot else on_demand,
        is_instance=True,
        on_demand=on_demand,
        spot=spot,
    )


def _pool(pool: PoolConfig, region: str) -> Iterator[Line]:
    what = f"pool {pool.name}"
    base = min(pool.on_demand_base, pool.desired) if pool.spot else pool.desired
    if base or not pool.spot:
        yield _instances(what, pool.instance_type, base, region)
    if pool.spot:
        yield _instances(what, pool.instance_type, pool.desired - base, region, is_spot=True)


def _item(config: "StackConfig", item: Item, detail: str, count: float, *, per_month: bool = False) -> Line:
    price = prices.item(config.region, item)
    return Line(what=item.value, detail=detail, count=count, price=price, per_month=per_month)


def _network(config: "StackConfig") -> Iterator[Line]:
    zones = len(config.zones)
    nats = len(nat_zones(config.zones, config.nat))
    ingress = sum(pool.desired for pool in config.pools if pool.role is PoolKind.INGRESS)
    endpoints = len(config.interface_endpoints) * zones
    yield _item(config, Item.NAT_GATEWAY, f"berth:nat {config.nat}", nats)
    yield _item(config, Item.NETWORK_LOAD_BALANCER, "in front of NGINX", 1)
    yield _item(config, Item.INTERFACE_ENDPOINT, f"{len(config.interface_endpoints)} in {zones} zones", endpoints)
    yield _item(config, Item.PUBLIC_IPV4, "NAT, load balancer in each zone, ingress nodes", nats + zones + ingress)


def _disks_gb(config: "StackConfig") -> int:
    nodes = sum(pool.desired * root_gb(pool) for pool in config.pools)
    return config.servers * (SERVER_ROOT_GB + SERVER_DATA_GB) + nodes
