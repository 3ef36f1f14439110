import re
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.label import Label
from infra.network.firewall import Firewall, FirewallArgs
from infra.network.firewall_plan import ENDPOINTS, S3, WORLD, WORLD_V6, Direction, FirewallScope, Rule, plan_rules
from infra.network.ports import BY_NAME, MACHINE_KINDS, TABLE, MachineKind, OtherCaller, PlatformPort
from tests.support.graph import Graph, record

SCOPE = FirewallScope(nat=True, egress_ports=(443,))
AWS_DESCRIPTION = re.compile(r"^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}$")
"""What AWS takes as a rule's description."""

reaches = st.builds(
    FirewallScope,
    nat=st.booleans(),
    egress_ports=st.lists(st.integers(1, 65535), max_size=3, unique=True).map(tuple),
    ipv6=st.booleans(),
    on_prem=st.lists(st.sampled_from([IPv4Network("192.168.1.0/24"), IPv4Network("10.9.0.0/16")]), unique=True).map(
        tuple
    ),
    provider=st.none() | st.just((IPv4Network("192.168.7.0/24"), 8443)),
)


def passes(rules: tuple[Rule, ...], direction: Direction, group: str, peer: str, port: int) -> bool:
    return any(
        (rule.direction, rule.group, rule.peer.name) == (direction, group, peer) and rule.first <= port <= rule.last
        for rule in rules
    )


def connects(rules: tuple[Rule, ...], caller: str, listener: str, port: int) -> bool:
    """A packet passes when the caller's group has an egress rule for it and the listener's an ingress rule."""
    return passes(rules, Direction.OUT, caller, listener, port) and passes(rules, Direction.IN, listener, caller, port)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_row_lets_through_exactly_whom_it_names(row: PlatformPort) -> None:
    rules = plan_rules(SCOPE)
    for listener in MACHINE_KINDS:
        for caller in MACHINE_KINDS:
            wanted = any(
                one.first <= row.first <= one.last and listener in one.listeners and caller in one.allowed_from
                for one in TABLE
            )
            assert connects(rules, caller.value, listener.value, row.first) == wanted


@given(reaches)
def test_only_nginx_lets_the_world_in(scope: FirewallScope) -> None:
    from_world = [
        rule for rule in plan_rules(scope) if rule.direction is Direction.IN and rule.peer in {WORLD, WORLD_V6}
    ]
    assert {(rule.group, rule.first, rule.last, rule.protocol) for rule in from_world} == {
        (MachineKind.INGRESS.value, 80, 80, "tcp"),
        (MachineKind.INGRESS.value, 443, 443, "tcp"),
    }


@given(reaches)
def test_the_world_is_called_only_at_registries_by_those_who_pull_images(scope: FirewallScope) -> None:
    to_world = [
        rule for rule in plan_rules(scope) if rule.direction is Direction.OUT and rule.peer in {WORLD, WORLD_V6}
    ]
    assert {rule.group for rule in to_world} <= {MachineKind.INGRESS.value, MachineKind.CLIENT.value}
    assert {(rule.first, rule.last) for rule in to_world} == ({(port, port) for port in scope.egress_ports})
    if not scope.nat and not scope.ipv6:
        assert {rule.group for rule in to_world} <= {MachineKind.INGRESS.value}


@given(reaches)
def test_no_rule_is_for_all_protocols_or_all_ports(scope: FirewallScope) -> None:
    for rule in plan_rules(scope):
        assert rule.protocol in {"tcp", "udp"}
        assert rule.last - rule.first <= BY_NAME["dynamic"].last - BY_NAME["dynamic"].first


@given(reaches)
def test_every_rule_has_its_own_name_and_a_description_aws_takes(scope: FirewallScope) -> None:
    rules = plan_rules(scope)
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(AWS_DESCRIPTION.match(rule.description) for rule in rules)


@given(reaches)
def test_every_way_in_between_groups_has_its_way_out(scope: FirewallScope) -> None:
    rules = plan_rules(scope)
    groups = {kind.value for kind in MACHINE_KINDS} | {ENDPOINTS.group}
    ends = {
        direction: {
            (*((rule.group, rule.peer.group)[:: 1 if direction is Direction.IN else -1]), rule.what, rule.protocol)
            for rule in rules
            if rule.direction is direction and rule.peer.group in groups
        }
        for direction in Direction
    }
    assert ends[Direction.IN] == ends[Direction.OUT]


def test_loopback_ports_have_no_rule() -> None:
    for row in TABLE:
        if row.allowed_from == (OtherCaller.HOST,):
            assert not [rule for rule in plan_rules(SCOPE) if rule.first <= row.first <= rule.last]


@pytest.mark.parametrize("kind", MACHINE_KINDS)
def test_every_machine_reaches_aws_without_the_internet(kind: MachineKind) -> None:
    rules = plan_rules(FirewallScope(nat=False, egress_ports=()))
    assert connects(rules, kind.value, ENDPOINTS.group, 443)
    assert passes(rules, Direction.OUT, kind.value, S3.name, 443)


def test_servers_alone_ask_the_provider_of_people_and_there_one_port_alone() -> None:
    without = plan_rules(SCOPE)
    scope = FirewallScope(nat=True, egress_ports=(443,), provider=(IPv4Network("192.168.7.0/24"), 8443))
    (rule,) = set(plan_rules(scope)) - set(without)
    assert (rule.direction, rule.group, rule.peer.ipv4) == (Direction.OUT, "server", "192.168.7.0/24")
    assert (rule.protocol, rule.first, rule.last) == ("tcp", 8443, 8443)
    assert set(without) < set(plan_rules(scope))


def test_machines_on_the_premises_count_as_clients_and_nothing_more() -> None:
    site = "on-prem-192.168.1.0-24"
    rules = plan_rules(FirewallScope(nat=True, egress_ports=(443,), on_prem=(IPv4Network("192.168.1.0/24"),)))
    for row in TABLE:
        for listener in MACHINE_KINDS:
            wanted = listener in row.listeners and MachineKind.CLIENT in row.allowed_from
            assert passes(rules, Direction.IN, listener.value, site, row.first) == wanted


def build() -> Graph:
    args = FirewallArgs(label=Label("dev"), vpc_id="vpc-1", s3_prefix_list_id="pl-1", scope=SCOPE)
    return record(lambda: Firewall("wall", args))


def test_a_rule_is_a_resource_whose_name_says_it_all() -> None:
    assert build()["wall-server-in-nomad_rpc-tcp-from-client"].inputs == {
        "securityGroupId": "wall-server-id",
        "referencedSecurityGroupId": "wall-client-id",
        "ipProtocol": "tcp",
        "fromPort": 4647,
        "toPort": 4647,
        "description": "nomad_rpc: Nomad agents to servers; from client",
        "tags": Label("dev").tags("server-in-nomad_rpc-tcp-from-client"),
    }


def test_s3_is_reached_by_its_prefix_list() -> None:
    inputs = build()["wall-server-out-s3-tcp-to-s3"].inputs
    assert inputs["prefixListId"] == "pl-1"
    assert not {"cidrIpv4", "cidrIpv6", "referencedSecurityGroupId"} & set(inputs)


def test_nginx_is_open_by_address_and_nothing_else_in_the_rule() -> None:
    inputs = build()["wall-ingress-in-https-tcp-from-world"].inputs
    assert (inputs["cidrIpv4"], inputs["fromPort"], inputs["toPort"]) == ("0.0.0.0/0", 443, 443)


def test_each_planned_rule_is_one_resource_and_groups_have_none_inside() -> None:
    graph = build()
    made = graph.of("SecurityGroupIngressRule") + graph.of("SecurityGroupEgressRule")
    assert sorted(node.name for node in made) == sorted(f"wall-{rule.name}" for rule in plan_rules(SCOPE))
    groups = graph.of("SecurityGroup")
    assert [node.name for node in groups] == ["wall-server", "wall-client", "wall-ingress", "wall-endpoints"]
    assert not [node for node in groups if {"ingress", "egress"} & set(node.inputs)]


def test_groups_stay_below_what_aws_allows() -> None:
    """Sixty rules each way is AWS's default quota for a group."""
    rules = plan_rules(
        FirewallScope(nat=True, egress_ports=(443, 5050), ipv6=True, on_prem=(IPv4Network("10.9.0.0/16"),))
    )
    for group in {rule.group for rule in rules}:
        for direction in Direction:
            assert len([rule for rule in rules if (rule.group, rule.direction) == (group, direction)]) <= 60
