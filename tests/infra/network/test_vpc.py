from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pulumi
import pytest

from infra.label import Label
from infra.network.flow_logs import FlowLogs, FlowLogsArgs
from infra.network.subnets import Nat, Tier
from infra.network.vpc import Network, NetworkArgs, ipv6_subnet
from tests.support.graph import Graph, record

ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")


def build(
    zones: tuple[str, ...] = ZONES[:2], nat: Nat = Nat.SINGLE, *, ipv6: bool = False, preview: bool = False
) -> Graph:
    def program() -> None:
        args = NetworkArgs(label=Label("dev"), cidr=IPv4Network("10.0.0.0/16"), zones=zones, nat=nat, ipv6=ipv6)
        network = Network("net", args)
        pulumi.export("subnets", {tier.value: list(ids) for tier, ids in network.subnet_ids.items()})
        pulumi.export("tables", list(network.route_table_ids))
        pulumi.export("ipv6", network.ipv6_cidr)

    return record(program, preview=preview)


def routes_of(graph: Graph, subnet: str) -> dict[str, str]:
    """Say where packets from a subnet go: through its association, its table, the table's routes."""
    association = next(one for one in graph.of("RouteTableAssociation") if one.inputs["subnetId"] == f"{subnet}-id")
    ways: dict[str, str] = {}
    for route in graph.of("Route"):
        if route.inputs["routeTableId"] == association.inputs["routeTableId"]:
            to = route.inputs.get("destinationCidrBlock") or route.inputs["destinationIpv6CidrBlock"]
            ways[to] = next(
                value for key, value in route.inputs.items() if key.endswith("GatewayId") or key == "gatewayId"
            )
    return ways


def test_the_vpc_resolves_names() -> None:
    vpc = build()["net-vpc"]
    assert vpc.type == "aws:ec2/vpc:Vpc"
    assert vpc.inputs == {
        "cidrBlock": "10.0.0.0/16",
        "enableDnsHostnames": True,
        "enableDnsSupport": True,
        "assignGeneratedIpv6CidrBlock": False,
        "tags": Label("dev").tags("vpc"),
    }


def test_the_default_group_lets_nothing_through() -> None:
    group = build()["net-default-group"]
    assert group.type == "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    assert (group.inputs["vpcId"], group.inputs["ingress"], group.inputs["egress"]) == ("net-vpc-id", [], [])


def test_a_subnet_is_as_planned_and_gives_no_public_address() -> None:
    assert build()["net-public-eu-west-1b"].inputs == {
        "vpcId": "net-vpc-id",
        "cidrBlock": "10.0.96.0/20",
        "availabilityZone": "eu-west-1b",
        "mapPublicIpOnLaunch": False,
        "assignIpv6AddressOnCreation": False,
        "tags": Label("dev").tags("public-eu-west-1b"),
    }


@pytest.mark.parametrize("nat", list(Nat))
@pytest.mark.parametrize("ipv6", [False, True])
def test_every_subnet_has_a_table_of_ours(nat: Nat, ipv6: bool) -> None:
    graph = build(ZONES, nat, ipv6=ipv6)
    associated = {one.inputs["subnetId"] for one in graph.of("RouteTableAssociation")}
    assert associated == {f"{one.name}-id" for one in graph.of("Subnet")}
    assert {one.inputs["routeTableId"] for one in graph.of("RouteTableAssociation")} == set(graph.outputs["tables"])
    assert set(graph.outputs["tables"]) == {f"{one.name}-id" for one in graph.of("RouteTable")}


@pytest.mark.parametrize(
    ("nat", "gateways"),
    [
        (Nat.NONE, [None, None]),
        (Nat.SINGLE, ["net-nat-eu-west-1a-id", "net-nat-eu-west-1a-id"]),
        (Nat.PER_ZONE, ["net-nat-eu-west-1a-id", "net-nat-eu-west-1b-id"]),
    ],
)
def test_each_tier_goes_its_own_way(nat: Nat, gateways: list[str | None]) -> None:
    graph = build(nat=nat)
    for zone, gateway in zip(ZONES, gateways, strict=False):
        assert routes_of(graph, f"net-public-{zone}") == {"0.0.0.0/0": "net-internet-id"}
        assert routes_of(graph, f"net-private-{zone}") == ({"0.0.0.0/0": gateway} if gateway else {})
        assert routes_of(graph, f"net-isolated-{zone}") == {}


def test_nat_waits_for_the_gateway_and_stands_in_a_public_subnet() -> None:
    graph = build()
    nat = graph["net-nat-eu-west-1a"]
    assert nat.inputs["subnetId"] == "net-public-eu-west-1a-id"
    assert graph["net-internet"].urn in nat.dependencies
    assert graph["net-nat-eu-west-1a-address"].inputs["domain"] == "vpc"


def test_with_ipv6_private_subnets_reach_out_and_are_not_reached() -> None:
    graph = build(ipv6=True)
    assert graph["net-vpc"].inputs["assignGeneratedIpv6CidrBlock"] is True
    assert routes_of(graph, "net-private-eu-west-1a")["::/0"] == "net-egress-only-id"
    assert routes_of(graph, "net-public-eu-west-1a")["::/0"] == "net-internet-id"
    assert routes_of(graph, "net-isolated-eu-west-1a") == {}
    cidrs = [IPv6Network(one.inputs["ipv6CidrBlock"]) for one in graph.of("Subnet")]
    assert len(set(cidrs)) == len(cidrs)
    assert all(one.prefixlen == 64 and one.subnet_of(IPv6Network("2001:db8:12:3400::/56")) for one in cidrs)
    assert graph.outputs["ipv6"] == "2001:db8:12:3400::/56"


@pytest.mark.parametrize("index", [0, 1, 31, 255])
def test_the_nth_ipv6_subnet_is_the_nth(index: int) -> None:
    network = "2001:db8:0:100::/56"
    assert ipv6_subnet(network, index) == str(list(IPv6Network(network).subnets(new_prefix=64))[index])


def inputs_by_name(graph: Graph) -> dict[str, Any]:
    return {node.name: (node.type, node.inputs) for node in graph.resources}


def test_a_new_zone_changes_nothing_that_is_there() -> None:
    before, after = inputs_by_name(build(ZONES[:2], Nat.PER_ZONE)), inputs_by_name(build(ZONES, Nat.PER_ZONE))
    assert {name: after.get(name) for name in before} == before
    assert len(after) > len(before)


def test_going_to_one_nat_per_zone_changes_a_route_and_nothing_else() -> None:
    before, after = inputs_by_name(build(nat=Nat.SINGLE)), inputs_by_name(build(nat=Nat.PER_ZONE))
    assert [name for name in before if after.get(name) != before[name]] == ["net-private-eu-west-1b-nat"]
    assert set(after) - set(before) == {"net-nat-eu-west-1b", "net-nat-eu-west-1b-address"}


def test_subnets_are_given_by_tier_in_the_order_of_the_zones() -> None:
    subnets = build(ZONES).outputs["subnets"]
    assert subnets == {tier.value: [f"net-{tier}-{zone}-id" for zone in ZONES] for tier in Tier}


def test_all_is_made_of_children_that_carry_the_label() -> None:
    graph = build(ZONES, Nat.PER_ZONE, ipv6=True)
    root = graph["net"]
    assert root.type == "berth:network:Network"
    assert {node.parent for node in graph.resources} == {root.urn}
    tagless = {"Route", "RouteTableAssociation"}
    untagged = [node.name for node in graph.resources if "berth:stack" not in node.inputs.get("tags", {})]
    assert {graph[name].type.rsplit(":")[-1] for name in untagged} == tagless


@pytest.mark.parametrize("ipv6", [False, True])
def test_a_preview_needs_no_answers(ipv6: bool) -> None:
    assert inputs_by_name(build(ipv6=ipv6, preview=True)).keys() == inputs_by_name(build(ipv6=ipv6)).keys()


def test_flow_logs_go_to_the_bucket() -> None:
    args = FlowLogsArgs(label=Label("dev"), vpc_id="vpc-1", bucket_arn="arn:aws:s3:::logs")
    graph = record(lambda: FlowLogs("flow", args))
    assert graph["flow-all"].parent == graph["flow"].urn
    assert graph["flow-all"].inputs == {
        "vpcId": "vpc-1",
        "trafficType": "ALL",
        "logDestinationType": "s3",
        "logDestination": "arn:aws:s3:::logs",
        "maxAggregationInterval": 600,
        "tags": Label("dev").tags("flow-logs"),
    }
