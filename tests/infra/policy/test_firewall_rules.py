from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.label import PART_TAG
from infra.network.ports import TABLE
from infra.policy.openings import is_outside, openings
from infra.policy.resource import UNKNOWN, Resource, Violation
from infra.policy.rules import check, check_all, check_stack

IN = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OUT = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"


def rule(kind: str = IN, name: str = "r", **props: Any) -> Resource:
    base = {"ipProtocol": "tcp", "fromPort": 4646, "toPort": 4646, "description": "d"}
    return Resource(type=kind, name=name, props={**base, **props})


def broken(*resources: Resource) -> set[str]:
    return {one.rule for one in check_all(resources)}


def the_one(found: Any) -> Violation:
    (violation,) = found
    assert isinstance(violation, Violation)
    return violation


def test_a_violation_names_rule_resource_port_and_fix_on_one_line() -> None:
    said = str(the_one(check(rule(name="wall-oops", cidrIpv4="0.0.0.0/0"))))
    assert said == (
        "L1 wall-oops, port 4646/tcp (nomad_http): is open to 0.0.0.0/0 — "
        "name the group that needs it instead; people connect through Systems Manager"
    )


WORLDS: list[dict[str, Any]] = [
    {"cidrIpv4": "0.0.0.0/0"},
    {"cidrIpv4": "0.0.0.0/1"},
    {"cidrIpv4": "203.0.114.7/32"},
    {"cidrIpv4": "10.0.0.0/7"},
    {"cidrIpv6": "::/0"},
    {"cidrIpv6": "2000::/3"},
    {"prefixListId": "pl-1"},
    {"prefixListId": UNKNOWN},
]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_the_internet_by_any_name_is_refused(world: dict[str, Any]) -> None:
    assert "L1" in broken(rule(**world))


@pytest.mark.parametrize(
    "ports",
    [
        {"fromPort": 0, "toPort": 65535},
        {"fromPort": 80, "toPort": 443},
        {"fromPort": 443, "toPort": 4646},
        {"ipProtocol": "-1", "fromPort": None, "toPort": None},
        {"ipProtocol": "all"},
        {"ipProtocol": "udp", "fromPort": 443, "toPort": 443},
        {"ipProtocol": "17", "fromPort": 443, "toPort": 443},
        {"ipProtocol": "icmp", "fromPort": -1, "toPort": -1},
        {"ipProtocol": UNKNOWN},
    ],
    ids=str,
)
def test_a_range_is_what_it_holds_not_how_it_is_written(ports: dict[str, Any]) -> None:
    assert "L1" in broken(rule(cidrIpv4="0.0.0.0/0", **ports))


def test_every_admin_port_in_a_range_is_named() -> None:
    said = " ".join(str(one) for one in check(rule(cidrIpv4="0.0.0.0/0", fromPort=8000, toPort=9000)))
    assert (
        "8000-9000/tcp (consul_rpc, consul_serf, consul_http, consul_https, consul_dns, vault_api, vault_cluster)"
        in said
    )


@given(
    first=st.integers(0, 65535),
    last=st.integers(0, 65535),
    network=st.sampled_from(["0.0.0.0/0", "::/0", "8.8.8.8/32"]),
)
def test_no_range_lets_the_world_at_a_platform_port(first: int, last: int, network: str) -> None:
    first, last = sorted((first, last))
    hit = any(row.first <= last and first <= row.last and row.name not in {"http", "https"} for row in TABLE)
    key = "cidrIpv6" if ":" in network else "cidrIpv4"
    found = {one.rule for one in check(rule(fromPort=first, toPort=last, **{key: network}))}
    assert "L1" in found or not hit
    assert ("L1" in found) == (not (first == last and first in {80, 443}))


@pytest.mark.parametrize("port", [80, 443])
def test_nginx_ports_are_open_on_the_group_of_nginx_alone(port: int) -> None:
    groups = [Resource(type=GROUP, name=who, urn=who, props={"tags": {PART_TAG: who}}) for who in ("ingress", "server")]
    for who, expected in (("ingress", set[str]()), ("server", {"L1"})):
        one = Resource(
            type=IN,
            name="r",
            props={"ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": "0.0.0.0/0", "description": "d"},
            made_from={"securityGroupId": (who,)},
        )
        assert broken(*groups, one) == expected


def test_the_older_kinds_of_rules_are_read_as_well() -> None:
    old = {
        "type": "ingress",
        "protocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"],
    }
    assert "L1" in broken(Resource(type="aws:ec2/securityGroupRule:SecurityGroupRule", name="r", props=old))
    inside = {"ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "ipv6CidrBlocks": ["::/0"]}]}
    assert broken(Resource(type=GROUP, name="g", props=inside)) == {"L1", "L4"}


def test_what_a_preview_does_not_know_breaks_nothing() -> None:
    assert broken(rule(cidrIpv4=UNKNOWN, referencedSecurityGroupId=UNKNOWN)) == set()


def test_the_default_group_is_empty_and_adopted() -> None:
    vpc = Resource(type="aws:ec2/vpc:Vpc", name="v", urn="v", props={})
    logs = Resource(type="aws:ec2/flowLog:FlowLog", name="l", props={}, made_from={"vpcId": ("v",)})
    default = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    assert broken(vpc, logs) == {"L3"}
    adopted = Resource(type=default, name="d", props={"ingress": [], "egress": []}, made_from={"vpcId": ("v",)})
    assert broken(vpc, logs, adopted) == set()
    itself = {"ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}]}
    assert "L3" in broken(vpc, logs, Resource(type=default, name="d", props=itself, made_from={"vpcId": ("v",)}))


def test_groups_reach_each_other_by_rows_of_the_table() -> None:
    assert broken(rule(referencedSecurityGroupId="sg-1")) == set()
    assert broken(rule(kind=OUT, referencedSecurityGroupId="sg-1")) == set()
    assert broken(rule(referencedSecurityGroupId="sg-1", fromPort=22, toPort=22)) == {"L4"}
    assert broken(rule(referencedSecurityGroupId="sg-1", fromPort=4646, toPort=4648)) == {"L4"}
    assert broken(rule(referencedSecurityGroupId="sg-1", ipProtocol="-1")) == {"L4"}
    assert broken(rule(kind=OUT, cidrIpv4="10.0.0.0/8", ipProtocol="-1")) == {"L4"}


def test_efa_may_speak_freely_with_itself_alone() -> None:
    tags = {PART_TAG: "efa"}
    groups = [Resource(type=GROUP, name=one, urn=one, props={"tags": tags}) for one in ("efa", "other")]
    props = {"ipProtocol": "-1", "referencedSecurityGroupId": UNKNOWN, "description": "d", "tags": tags}

    def efa(peer: str) -> Resource:
        made_from = {"securityGroupId": ("efa",), "referencedSecurityGroupId": (peer,)}
        return Resource(type=IN, name="r", props=props, made_from=made_from)

    assert broken(*groups, efa("efa")) == set()
    assert broken(*groups, efa("other")) == {"L4"}
    assert "L1" in broken(*groups, Resource(type=IN, name="r", props={**props, "cidrIpv4": "0.0.0.0/0"}))


def test_the_internet_is_called_at_single_ports() -> None:
    assert broken(rule(kind=OUT, cidrIpv4="0.0.0.0/0", fromPort=443, toPort=443)) == set()
    assert broken(rule(kind=OUT, cidrIpv4="0.0.0.0/0", fromPort=0, toPort=65535)) == {"L1", "L4"}
    assert broken(rule(kind=OUT, cidrIpv6="::/0", ipProtocol="udp", fromPort=53, toPort=53)) == {"L1"}
    assert broken(rule(kind=OUT, prefixListId="pl-s3", fromPort=443, toPort=443)) == set()


def test_a_rule_says_what_it_is_for() -> None:
    assert "no description" in str(the_one(check(rule(referencedSecurityGroupId="sg-1", description=None))))


@pytest.mark.parametrize(
    ("network", "outside"),
    [
        ("10.1.2.3/32", False),
        ("100.64.0.0/10", False),
        ("100.64.0.0/9", True),
        ("192.168.0.0/15", True),
        ("fd00::/8", False),
        ("fe00::/7", True),
        ("nonsense", True),
    ],
)
def test_inside_is_what_the_internet_does_not_route(network: str, *, outside: bool) -> None:
    assert is_outside(network) is outside


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
kinds = st.sampled_from(
    [IN, OUT, GROUP, "aws:ec2/securityGroupRule:SecurityGroupRule", "aws:ec2/launchTemplate:LaunchTemplate"]
)
names = [
    "ipProtocol",
    "fromPort",
    "toPort",
    "cidrIpv4",
    "ingress",
    "egress",
    "cidrBlocks",
    "tags",
    "prefixListIds",
    "userData",
]


@given(kinds, st.dictionaries(st.sampled_from(names), anything))
def test_no_input_makes_a_rule_fall_over(kind: str, props: dict[str, Any]) -> None:
    resource = Resource(type=kind, name="r", props=props)
    for found in (*check(resource), *check_stack([resource])):
        assert "\n" not in str(found)
    list(openings(resource))
