from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.network.subnets import TIERS, ZONES_MAX, SubnetPlan, Tier, plan_subnets
from nomad_jobs.errors import ConfigError, ManyErrors

ZONES = tuple(f"eu-west-1{letter}" for letter in "abcdef")


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    prefix = draw(st.integers(16, 22))
    parent = draw(st.sampled_from([IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12")]))
    step = 2 ** (32 - prefix)
    start = int(parent.network_address) + step * draw(st.integers(0, parent.num_addresses // step - 1))
    return IPv4Network((start, prefix))


zones = st.lists(st.sampled_from(ZONES), min_size=2, max_size=4, unique=True)
tiers = st.lists(st.sampled_from(list(Tier)), min_size=1, max_size=3, unique=True)


@given(networks(), zones, tiers)
def test_each_zone_has_each_tier_once_inside_the_network(cidr: IPv4Network, names: list[str], of: list[Tier]) -> None:
    plan = plan_subnets(cidr, names, of)
    assert [(one.zone, one.tier) for one in plan] == [(zone, tier) for zone in names for tier in of]
    assert all(one.cidr.subnet_of(cidr) for one in plan)


@given(networks(), zones, tiers)
def test_no_two_subnets_overlap(cidr: IPv4Network, names: list[str], of: list[Tier]) -> None:
    plan = plan_subnets(cidr, names, of)
    assert not [(a, b) for a, b in combinations(plan, 2) if a.cidr.overlaps(b.cidr)]
    assert len({one.ipv6_index for one in plan}) == len(plan)
    assert all(0 <= one.ipv6_index < 256 for one in plan)


@given(networks(), zones, tiers)
def test_nothing_is_unused_but_the_blocks_of_zones_not_yet_there(
    cidr: IPv4Network, names: list[str], of: list[Tier]
) -> None:
    used = sum(one.cidr.num_addresses for one in plan_subnets(cidr, names, of))
    assert used == cidr.num_addresses * len(names) // ZONES_MAX


@given(networks(), zones, tiers, st.sampled_from(ZONES))
def test_adding_a_zone_moves_nothing(cidr: IPv4Network, names: list[str], of: list[Tier], new: str) -> None:
    grown = names if new in names or len(names) == ZONES_MAX else [*names, new]
    before, after = plan_subnets(cidr, names, of), plan_subnets(cidr, grown, of)
    assert after[: len(before)] == before


@given(networks(), zones, tiers)
def test_aws_accepts_every_subnet(cidr: IPv4Network, names: list[str], of: list[Tier]) -> None:
    assert all(16 <= one.cidr.prefixlen <= 28 for one in plan_subnets(cidr, names, of))


@given(networks(), zones, tiers)
def test_earlier_tiers_are_never_narrower(cidr: IPv4Network, names: list[str], of: list[Tier]) -> None:
    first_zone = plan_subnets(cidr, names, of)[: len(of)]
    sizes = [one.cidr.num_addresses for one in first_zone]
    assert sizes == sorted(sizes, reverse=True)


def test_the_plan_of_a_small_network_reads_as_drawn() -> None:
    plan = plan_subnets(IPv4Network("10.0.0.0/22"), ZONES[:2])
    assert [(one.name, str(one.cidr)) for one in plan] == [
        ("private-eu-west-1a", "10.0.0.0/25"),
        ("public-eu-west-1a", "10.0.0.128/26"),
        ("isolated-eu-west-1a", "10.0.0.192/26"),
        ("private-eu-west-1b", "10.0.1.0/25"),
        ("public-eu-west-1b", "10.0.1.128/26"),
        ("isolated-eu-west-1b", "10.0.1.192/26"),
    ]


@pytest.mark.parametrize(
    ("cidr", "names", "says"),
    [
        ("10.0.0.0/15", ZONES[:2], "must be a network of /16 to /22"),
        ("10.0.0.0/23", ZONES[:2], "must be a network of /16 to /22"),
        ("10.0.0.0/16", ZONES[:1], "1 zone"),
        ("10.0.0.0/16", ZONES[:5], "5 zone"),
        ("10.0.0.0/16", (ZONES[0], ZONES[0]), "named once"),
    ],
)
def test_what_cannot_be_planned_is_refused(cidr: str, names: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        plan_subnets(IPv4Network(cidr), names)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ManyErrors, match=r"/22(?s:.)*1 zone"):
        plan_subnets(IPv4Network("10.0.0.0/23"), ZONES[:1], TIERS)


def test_a_plan_is_a_value() -> None:
    plan = plan_subnets(IPv4Network("10.0.0.0/16"), ZONES[:2])
    assert len({*plan, *plan_subnets(IPv4Network("10.0.0.0/16"), ZONES[:2])}) == len(plan)
    assert all(isinstance(one, SubnetPlan) for one in plan)
