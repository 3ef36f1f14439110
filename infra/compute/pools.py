"""The configuration of pools and its validation, and the Platform's view of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from infra.compute.instance_types import INSTANCE_TYPES, InstanceType
from nomad_jobs.checks import Pools, pool_faults
from nomad_jobs.errors import BerthError, ConfigError
from nomad_jobs.model import PoolKind, Service
from nomad_jobs.platform import NodePool

_NAME = re.compile(r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")
_RESERVATION = re.compile(r"^cr-[0-9a-f]{8,17}$")
_MIB_PER_GIB = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolConfig:
    """One entry of `berth:pools`, as it was written; `pool_config_faults` says what is wrong with it."""

    name: str
    """Of the Nomad node pool."""
    role: PoolKind
    instance_type: str
    min: int
    max: int
    desired: int
    """How many nodes there are, unless something scales the pool."""
    on_demand_base: int = 0
    """With `spot`: how many nodes are on-demand before the first spot one."""
    spot: bool = False
    """Whether nodes beyond `on_demand_base` are spot instances, which AWS takes back at two minutes' notice."""
    zone: str = ""
    """The only zone of its nodes, which a reservation and a placement group must name; empty: every zone."""
    reservation_id: str | None = None
    """A capacity reservation (or capacity block) that its nodes are launched into, and nowhere else."""
    capacity_block: bool = False
    """Whether the reservation is a capacity block for ML."""
    placement_group: bool = False
    """Whether nodes are placed close together, for a model that spans several."""
    efa: bool = False
    """Whether nodes have all the Elastic Fabric Adapters of their type, for a model that spans several."""

    @property
    def type(self) -> InstanceType:
        """What its instances have; a KeyError for an unknown type, which is one of `pool_config_faults`."""
        return INSTANCE_TYPES[self.instance_type]

    @property
    def node_pool(self) -> NodePool:
        """The Platform's view of it."""
        gpu = self.type.gpu
        return NodePool(
            name=self.name,
            nodes=self.desired,
            gpus_per_node=gpu.count if gpu else 0,
            gpu_model=gpu.model if gpu else "",
        )


def node_pools(pools: Sequence[PoolConfig]) -> Pools:
    """Give the node pool of each kind of service."""
    return {pool.role.value: pool.node_pool for pool in pools}


def pool_config_faults(
    pools: Sequence[PoolConfig], services: Sequence[Service], *, stack: str, zones: Sequence[str]
) -> Iterator[BerthError]:
    """Yield every fault of the pools of `stack`, which is in `zones` and runs `services`, resolved for it.

    The services are checked against the pools only once no pool has a fault of its own.
    """
    found = [
        *(error for number, pool in enumerate(pools) for error in _Entry(number, pool).faults(zones)),
        *_clashes(pools),
    ]
    yield from found
    if not found:
        yield from pool_faults(services, node_pools(pools), stack=stack)
        yield from _room_faults(pools, services, stack)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A pool and its place in the list, by which `pulumi config set` finds it."""

    number: int
    pool: PoolConfig

    def fault(self, what: str, field: str, value: object) -> ConfigError:
        path = f"berth:pools[{self.number}]"
        command = f"pulumi config set --path '{path}.{field}' {str(value).lower() if value is not None else ''}"
        return ConfigError(f"{path} ('{self.pool.name}')", what, f"`{command.rstrip()}`")

    def faults(self, zones: Sequence[str]) -> Iterator[ConfigError]:
        if not _NAME.match(self.pool.name):
            what = "its name must be lower-case letters, digits and dashes, starting with a letter"
            yield self.fault(what, "name", f"{self.pool.role}")
        yield from self._count_faults()
        if self.pool.zone and self.pool.zone not in zones:
            yield self.fault(f"is in zone {self.pool.zone}, but the stack has {', '.join(zones)}", "zone", zones[0])
        yield from self._reservation_faults(zones)
        row = INSTANCE_TYPES.get(self.pool.instance_type)
        if row is None:
            close = get_close_matches(self.pool.instance_type, INSTANCE_TYPES, n=1, cutoff=0.3) or ["m7i.large"]
            what = f"Berth knows no instance type '{self.pool.instance_type}'"
            yield self.fault(what, "instance_type", close[0])
        else:
            yield from self._type_faults(row)

    def _count_faults(self) -> Iterator[ConfigError]:
        pool = self.pool
        if not 0 <= pool.min <= pool.max or pool.max < 1:
            yield self.fault(
                f"min {pool.min} and max {pool.max}: must be 0 ≤ min ≤ max, max ≥ 1", "max", max(pool.min, 1)
            )
        elif not pool.min <= pool.desired <= pool.max:
            what = f"desired {pool.desired} is not between min {pool.min} and max {pool.max}"
            yield self.fault(what, "desired", min(max(pool.desired, pool.min), pool.max))
        if not 0 <= pool.on_demand_base <= max(pool.max, 0):
            yield self.fault(f"on_demand_base {pool.on_demand_base} is not between 0 and max", "on_demand_base", 0)
        elif pool.on_demand_base and not pool.spot:
            what = "has an on_demand_base, but every node is on-demand while spot is off"
            yield self.fault(what, "on_demand_base", 0)

    def _reservation_faults(self, zones: Sequence[str]) -> Iterator[ConfigError]:
        pool = self.pool
        if pool.reservation_id is not None and not _RESERVATION.match(pool.reservation_id):
            what = f"reservation_id '{pool.reservation_id}' must be cr- and hex digits, as AWS writes it"
            yield self.fault(what, "reservation_id", "cr-…")
        if pool.capacity_block and pool.reservation_id is None:
            yield self.fault("a capacity block must be bought first and named here", "reservation_id", "cr-…")
        if pool.spot and (pool.reservation_id is not None or pool.capacity_block):
            yield self.fault("spot instances are never launched into a reservation", "spot", value=False)
        if (pool.reservation_id or pool.placement_group) and not pool.zone:
            what = "a reservation or a placement group is in one zone, which must be named"
            yield self.fault(what, "zone", zones[0] if zones else "…")

    def _type_faults(self, row: InstanceType) -> Iterator[ConfigError]:
        pool = self.pool
        if pool.role is PoolKind.GPU and row.gpu is None:
            yield self.fault(f"is for GPUs, but {row.name} has none", "instance_type", "g6e.12xlarge")
        if pool.role is not PoolKind.GPU and row.gpu is not None:
            what = f"is for {pool.role} services, but {row.name} has {row.gpu.count} {row.gpu.model}"
            yield self.fault(what, "instance_type", "m7i.large")
        if pool.capacity_block and not row.takes_capacity_blocks:
            yield self.fault(f"AWS sells no capacity blocks of {row.name}", "capacity_block", value=False)
        if pool.placement_group and not row.takes_cluster_placement:
            yield self.fault(f"{row.name} cannot be in a cluster placement group", "placement_group", value=False)
        if pool.efa and not row.efa_interfaces:
            yield self.fault(f"{row.name} has no EFA", "efa", value=False)
        elif pool.efa and not pool.placement_group:
            yield self.fault("EFA needs a placement group", "placement_group", value=True)


def _clashes(pools: Sequence[PoolConfig]) -> Iterator[ConfigError]:
    for number, pool in enumerate(pools):
        for earlier in pools[:number]:
            if earlier.name == pool.name:
                yield _Entry(number, pool).fault("another pool has this name", "name", f"{pool.name}-{number}")
            if earlier.role is pool.role:
                what = f"pool '{earlier.name}' is for {pool.role} services already, and a kind of service has one pool"
                yield ConfigError(
                    f"berth:pools[{number}] ('{pool.name}')", what, f"`pulumi config rm --path 'berth:pools[{number}]'`"
                )


def _room_faults(pools: Sequence[PoolConfig], services: Sequence[Service], stack: str) -> Iterator[ConfigError]:
    by_role = {pool.role: pool for pool in pools}
    for service in services:
        pool = by_role.get(service.pool)
        needed_mb = 0 if service.is_parked else service.size.memory_mb
        if pool and needed_mb > pool.type.memory_gib * _MIB_PER_GIB:
            what = f"needs {needed_mb} MiB, but a {pool.instance_type} has {pool.type.memory_gib} GiB"
            fix = f"give pool '{pool.name}' a larger instance_type"
            yield ConfigError(f"service '{service.name}' on {stack}", what, fix)
