from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.compute.instance_types import INSTANCE_TYPES
from infra.compute.pools import PoolConfig, node_pools, pool_config_faults
from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import BerthError
from nomad_jobs.model import PoolKind
from nomad_jobs.platform import Driver
from nomad_jobs.resolve import resolve
from tests.support.platforms import IN_CLOUD

ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
INGRESS = PoolConfig(name="ingress", role=PoolKind.INGRESS, instance_type="m7i.large", min=2, max=4, desired=2)
APP = PoolConfig(name="app", role=PoolKind.APP, instance_type="m7i.xlarge", min=1, max=6, desired=2)
SCOUT = "service 'llama-4-scout' on prod"
GPU = PoolConfig(name="gpu-h200", role=PoolKind.GPU, instance_type="p5en.48xlarge", min=0, max=2, desired=1)


def found(*pools: PoolConfig) -> list[str]:
    return [str(error) for error in pool_config_faults(pools, IN_CLOUD, stack="prod", zones=ZONES)]


def test_pools_that_fit_the_catalogue_have_no_faults() -> None:
    assert found(INGRESS, APP, GPU) == []


def test_the_platform_learns_what_a_node_of_each_pool_has() -> None:
    pools = node_pools((INGRESS, APP, GPU))
    assert {role: pool.name for role, pool in pools.items()} == {"ingress": "ingress", "app": "app", "gpu": "gpu-h200"}
    assert (pools["gpu"].gpus_per_node, pools["gpu"].gpu_model) == (8, "H200")
    assert pools["app"].gpus_per_node == 0


def test_a_gpu_pool_without_the_topology_of_the_catalogue_is_refused() -> None:
    assert found(INGRESS, APP, replace(GPU, instance_type="g6e.12xlarge")) == [
        f"{SCOUT}: asks for 8 GPUs, but a node of pool 'gpu-h200' has 4 — ask for fewer, or add a pool that has them",
        f"{SCOUT}: needs 512000 MiB, but a g6e.12xlarge has 384 GiB — give pool 'gpu-h200' a larger instance_type",
    ]
    assert found(INGRESS, APP, replace(GPU, instance_type="p5.48xlarge")) == [
        f"{SCOUT}: asks for H200 GPUs, but pool 'gpu-h200' has H100 — ask for those, or change the pool"
    ]


def test_a_kind_of_service_without_a_pool_is_refused() -> None:
    assert found(INGRESS, APP) == [
        (
            f"{SCOUT}: runs on the gpu pool, but the stack has only app, ingress — "
            "add such a pool, or Override(stack='prod', absent=True)"
        )
    ]


def test_a_pool_without_nodes_is_refused_unless_what_would_run_there_is_parked() -> None:
    nothing = replace(GPU, desired=0)
    (said,) = found(INGRESS, APP, nothing)
    assert said.startswith(f"{SCOUT}: runs on pool 'gpu-h200', which has no nodes")
    parked = resolve(SERVICES, "dev", Driver.DOCKER).services
    assert list(pool_config_faults((INGRESS, APP, nothing), parked, stack="dev", zones=ZONES)) == []


@pytest.mark.parametrize(
    ("change", "what", "fix"),
    [
        ({"name": "GPU"}, "lower-case letters", "berth:pools[2].name' gpu"),
        ({"instance_type": "p5en.24xlarge"}, "no instance type 'p5en.24xlarge'", "instance_type' p5en.48xlarge"),
        ({"instance_type": "m7i.large"}, "is for GPUs, but m7i.large has none", "instance_type' g6e.12xlarge"),
        ({"min": 3}, "min 3 and max 2", "max' 3"),
        ({"min": -1}, "min -1 and max 2", "max' 1"),
        ({"max": 0, "desired": 0}, "min 0 and max 0", "max' 1"),
        ({"desired": 3}, "desired 3 is not between min 0 and max 2", "desired' 2"),
        ({"spot": True, "on_demand_base": 3}, "on_demand_base 3 is not between", "on_demand_base' 0"),
        ({"on_demand_base": 1}, "every node is on-demand while spot is off", "on_demand_base' 0"),
        ({"zone": "eu-west-1d"}, "is in zone eu-west-1d, but the stack has eu-west-1a", "zone' eu-west-1a"),
        ({"reservation_id": "cr-12", "zone": ZONES[0]}, "'cr-12' must be cr- and hex digits", "reservation_id' cr-…"),
        ({"capacity_block": True}, "a capacity block must be bought first", "reservation_id' cr-…"),
        ({"reservation_id": "cr-" + "0" * 17}, "must be named", "zone' eu-west-1a"),
        ({"placement_group": True}, "must be named", "zone' eu-west-1a"),
        (
            {"spot": True, "reservation_id": "cr-" + "0" * 17, "zone": ZONES[0]},
            "never launched into a reservation",
            "spot' false",
        ),
        ({"efa": True}, "EFA needs a placement group", "placement_group' true"),
    ],
)
def test_a_wrong_field_is_named_with_the_command_that_fixes_it(change: dict[str, Any], what: str, fix: str) -> None:
    (error,) = pool_config_faults((INGRESS, APP, replace(GPU, **change)), IN_CLOUD, stack="prod", zones=ZONES)
    assert what in error.what
    assert error.fix.startswith("`pulumi config set --path 'berth:pools[2].")
    assert fix in error.fix


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"instance_type": "g6.xlarge"}, "is for app services, but g6.xlarge has 1 L4"),
        ({"instance_type": "t3.large", "placement_group": True, "zone": ZONES[0]}, "cannot be in a cluster placement"),
        ({"efa": True, "placement_group": True, "zone": ZONES[0]}, "m7i.xlarge has no EFA"),
        (
            {"capacity_block": True, "reservation_id": "cr-" + "0" * 17, "zone": ZONES[0]},
            "AWS sells no capacity blocks of m7i.xlarge",
        ),
        ({"name": "ingress"}, "another pool has this name"),
        ({"role": PoolKind.INGRESS}, "pool 'ingress' is for ingress services already"),
    ],
)
def test_what_a_type_cannot_do_and_what_pools_cannot_share_is_refused(change: dict[str, Any], what: str) -> None:
    (error,) = pool_config_faults((INGRESS, replace(APP, **change), GPU), IN_CLOUD, stack="prod", zones=ZONES)
    assert what in error.what


def test_everything_is_found_in_one_pass() -> None:
    assert len(found(replace(INGRESS, min=9), replace(APP, instance_type="x"), replace(GPU, efa=True))) == 3


pool_configs = st.builds(
    PoolConfig,
    name=st.sampled_from(["app", "gpu", "Ingress", ""]),
    role=st.sampled_from(PoolKind),
    instance_type=st.sampled_from([*INSTANCE_TYPES, "p9.metal"]),
    min=st.integers(-1, 4),
    max=st.integers(-1, 4),
    desired=st.integers(-1, 4),
    on_demand_base=st.integers(-1, 3),
    spot=st.booleans(),
    zone=st.sampled_from(["", *ZONES, "us-east-1a"]),
    reservation_id=st.sampled_from([None, "cr-" + "0" * 17, "x"]),
    capacity_block=st.booleans(),
    placement_group=st.booleans(),
    efa=st.booleans(),
)


@given(st.lists(pool_configs, max_size=4), st.sampled_from([IN_CLOUD, ()]))
def test_any_pools_are_judged_without_a_traceback_and_good_ones_keep_their_promises(
    pools: Sequence[PoolConfig], services: Any
) -> None:
    errors = list(pool_config_faults(pools, services, stack="prod", zones=ZONES))
    assert all(isinstance(error, BerthError) for error in errors)
    if errors:
        return
    assert len({pool.role for pool in pools}) == len(pools)
    for pool in pools:
        assert 0 <= pool.min <= pool.desired <= pool.max
        assert (pool.type.gpu is not None) == (pool.role is PoolKind.GPU)
        assert not pool.efa or (pool.type.efa_interfaces and pool.placement_group and pool.zone)
        assert not pool.reservation_id or (pool.zone and not pool.spot)
