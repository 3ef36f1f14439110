"""Plans how AWS launches a pool: pure, from its configuration to the numbers that EC2 and auto scaling take."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.compute.instance_types import InstanceType
from infra.compute.launch import GPU_IMAGE, PLAIN_IMAGE
from infra.compute.pools import PoolConfig
from infra.network.ports import MachineKind
from nomad_jobs.model import PoolKind

_ALL = 100
_ONE_MORE = 110


@dataclass(frozen=True, kw_only=True, slots=True)
class InterfacePlan:
    """One network interface of a node."""

    card: int
    device: int
    is_efa: bool
    """EFA-only: it has no address, and carries no IP traffic."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefreshPlan:
    """How many nodes serve while all are replaced, in percent of the desired number."""

    min_healthy: int
    max_healthy: int


def machine_kind(pool: PoolConfig) -> MachineKind:
    """Say what kind of machine a pool's nodes are."""
    return MachineKind.INGRESS if pool.role is PoolKind.INGRESS else MachineKind.CLIENT


def image(pool: PoolConfig) -> str:
    """Name the image of a pool's nodes."""
    return GPU_IMAGE if pool.type.gpu else PLAIN_IMAGE


def plan_interfaces(row: InstanceType, *, efa: bool) -> tuple[InterfacePlan, ...]:
    """Plan a node's interfaces: the first for IP; with `efa` one more on each network card, EFA-only.

    As AWS recommends in "Maximize network bandwidth on Amazon EC2 instances with multiple network cards" (EC2 user
    guide): card 0 has the IP interface as device 0 and its EFA as device 1, every other card its EFA as device 0.
    """
    first = InterfacePlan(card=0, device=0, is_efa=False)
    if not efa:
        return (first,)
    return (
        first,
        InterfacePlan(card=0, device=1, is_efa=True),
        *(InterfacePlan(card=card, device=0, is_efa=True) for card in range(1, row.efa_interfaces)),
    )


def zone_indexes(pool: PoolConfig, zones: Sequence[str]) -> tuple[int, ...]:
    """Give the indexes, in `zones`, of the zones with nodes of a pool."""
    return tuple(place for place, zone in enumerate(zones) if pool.zone in {"", zone})


def plan_refresh(pool: PoolConfig) -> RefreshPlan:
    """Plan to replace nodes one by one: the new one first, unless the pool has no capacity for one more."""
    has_room = pool.desired < pool.max and not pool.reservation_id and pool.type.gpu is None
    if has_room:
        return RefreshPlan(min_healthy=_ALL, max_healthy=_ONE_MORE)
    kept = max(pool.desired - 1, 0)
    return RefreshPlan(min_healthy=_ALL * kept // max(pool.desired, 1), max_healthy=_ALL)
