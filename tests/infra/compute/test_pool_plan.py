from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.compute.disks import root_gb
from infra.compute.instance_types import INSTANCE_TYPES, InstanceType
from infra.compute.pool_plan import InterfacePlan, image, machine_kind, plan_interfaces, plan_refresh, zone_indexes
from infra.compute.pools import PoolConfig
from infra.network.ports import MachineKind
from nomad_jobs.model import PoolKind

ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
types = st.sampled_from(sorted(INSTANCE_TYPES)).map(INSTANCE_TYPES.__getitem__)


@st.composite
def pools(draw: st.DrawFn) -> PoolConfig:
    most = draw(st.integers(1, 8))
    desired = draw(st.integers(0, most))
    row = draw(types)
    return PoolConfig(
        name="pool",
        role=PoolKind.GPU if row.gpu else draw(st.sampled_from([PoolKind.APP, PoolKind.INGRESS])),
        instance_type=row.name,
        min=draw(st.integers(0, desired)),
        max=most,
        desired=desired,
        zone=draw(st.sampled_from(["", *ZONES])),
        reservation_id=draw(st.sampled_from([None, "cr-" + "0" * 17])),
    )


@given(types, st.booleans())
def test_each_interface_has_a_place_of_its_own_and_the_first_is_for_ip(
    row: InstanceType,
    efa: bool,
) -> None:
    plans = plan_interfaces(row, efa=efa and row.efa_interfaces > 0)
    places = [(plan.card, plan.device) for plan in plans]
    assert len(set(places)) == len(places)
    assert plans[0] == InterfacePlan(card=0, device=0, is_efa=False)
    assert all(plan.is_efa for plan in plans[1:])
    assert len(plans) == 1 + (row.efa_interfaces if efa else 0)
    assert {plan.card for plan in plans} == set(range(max(row.efa_interfaces, 1) if efa else 1))


def test_an_h200_node_has_one_efa_on_each_of_its_sixteen_cards() -> None:
    plans = plan_interfaces(INSTANCE_TYPES["p5en.48xlarge"], efa=True)
    assert [(plan.card, plan.device) for plan in plans] == [(0, 0), (0, 1), *((card, 0) for card in range(1, 16))]


@given(pools())
def test_a_refresh_never_asks_for_more_than_there_may_be_nor_stops_all_at_once(pool: PoolConfig) -> None:
    plan = plan_refresh(pool)
    assert 0 <= plan.min_healthy <= 100 <= plan.max_healthy <= 200
    assert plan.max_healthy - plan.min_healthy <= 100
    kept = ceil(pool.desired * plan.min_healthy / 100)  # AWS rounds up: "RefreshPreferences", MinHealthyPercentage
    assert pool.desired - kept <= 1 or plan.max_healthy > 100
    if plan.max_healthy > 100:
        assert pool.desired < pool.max
        assert not pool.reservation_id
    else:
        assert plan.min_healthy < 100 or pool.desired == 0


@given(pools())
def test_a_pool_is_in_its_zone_or_in_all(pool: PoolConfig) -> None:
    found = [ZONES[place] for place in zone_indexes(pool, ZONES)]
    assert found == ([pool.zone] if pool.zone else list(ZONES))


@given(pools())
def test_gpu_nodes_have_the_image_with_the_driver_and_room_for_it(pool: PoolConfig) -> None:
    assert ("nvidia" in image(pool)) == (pool.type.gpu is not None)
    assert root_gb(pool) > (75 if pool.type.gpu else 30)


@pytest.mark.parametrize(
    ("role", "kind"),
    [(PoolKind.APP, MachineKind.CLIENT), (PoolKind.GPU, MachineKind.CLIENT), (PoolKind.INGRESS, MachineKind.INGRESS)],
)
def test_a_pool_is_of_a_kind_of_machine(role: PoolKind, kind: MachineKind) -> None:
    assert machine_kind(PoolConfig(name="a", role=role, instance_type="m7i.large", min=0, max=1, desired=0)) is kind
