import json
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pulumi
import pytest
import yaml

from infra.access.key_policies import PURPOSES
from infra.compute.node_pools import NodePools, NodePoolsArgs
from infra.compute.pools import PoolConfig
from infra.label import Label
from infra.network.ports import MACHINE_KINDS
from infra.network.subnets import Tier
from tests.support.boots import MACHINE, POOLS, PROGRAMS
from tests.support.graph import ACCOUNT, REGION, Graph, record

ZONES = (f"{REGION}a", f"{REGION}b")
RESERVATION = "cr-0123456789abcdef0"
GPU = POOLS["gpu-h200"]


def node_pools(*pools: PoolConfig, preview: bool = False) -> Graph:
    def program() -> None:
        args = NodePoolsArgs(
            label=Label("prod"),
            region=REGION,
            account_id=ACCOUNT,
            domain="example.com",
            pools=pools,
            zones=ZONES,
            vpc_id="vpc-1",
            subnet_ids={tier: [f"{tier}-a", f"{tier}-b"] for tier in Tier},
            group_ids={kind: f"sg-{kind}" for kind in MACHINE_KINDS},
            instance_profiles={kind: f"profile-{kind}" for kind in MACHINE_KINDS},
            key_arns={purpose: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{purpose}" for purpose in PURPOSES},
            bucket=pulumi.Output.from_input("binaries"),
            downloads={**PROGRAMS, "machine.pyz": MACHINE},
            ready=[],
        )
        pulumi.export("groups", NodePools("pools", args).groups)

    return record(program, stack="prod", preview=preview)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return node_pools(*POOLS.values())


def facts(graph: Graph, pool: str) -> Any:
    text = b64decode(graph[f"pools-{pool}-template"].inputs["userData"]).decode()
    files = {file["path"]: file["content"] for file in yaml.safe_load(text)["write_files"]}
    return json.loads(files["/etc/berth/machine.json"])


def test_each_pool_is_a_group_of_its_size(graph: Graph) -> None:
    for name, pool in POOLS.items():
        group = graph[f"pools-{name}"].inputs
        assert (group["minSize"], group["maxSize"], group["desiredCapacity"]) == (pool.min, pool.max, pool.desired)
        assert group["launchTemplate"] == {"id": f"pools-{name}-template-id", "version": "1"}
    assert graph.outputs["groups"] == {name: f"berth-prod-pool-{name}" for name in POOLS}


def test_only_ingress_nodes_are_in_public_subnets_and_have_public_addresses(graph: Graph) -> None:
    for name in POOLS:
        (interface,) = graph[f"pools-{name}-template"].inputs["networkInterfaces"]
        is_ingress = name == "ingress"
        assert interface.get("associatePublicIpAddress") == ("true" if is_ingress else None)
        assert interface["securityGroups"] == [f"sg-{'ingress' if is_ingress else 'client'}"]
        tier = "public" if is_ingress else "private"
        assert graph[f"pools-{name}"].inputs["vpcZoneIdentifiers"] == [f"{tier}-a", f"{tier}-b"]


def test_a_node_is_sealed_guarded_and_tagged_with_its_pool(graph: Graph) -> None:
    for name in POOLS:
        template = graph[f"pools-{name}-template"].inputs
        assert (template["metadataOptions"]["httpTokens"], template["metadataOptions"]["httpPutResponseHopLimit"]) == (
            "required",
            1,
        )
        assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
        for one in template["tagSpecifications"]:
            assert (one["tags"]["berth:pool"], one["tags"]["berth:stack"]) == (name, "prod")
        assert ("nvidia" in template["imageId"]) == (name == "gpu-h200")


def test_a_node_is_given_what_its_pool_needs(graph: Graph) -> None:
    assert set(facts(graph, "app")["programs"]) == {"consul", "nomad", "vault"}
    assert set(facts(graph, "gpu-h200")["programs"]) == {"consul", "nomad", "vault", "nomad-device-nvidia"}
    assert [facts(graph, name)["role"] for name in POOLS] == ["client", "ingress", "client"]
    for name in POOLS:
        assert facts(graph, name)["group"] == graph[f"pools-{name}"].inputs["name"]


def test_a_node_that_goes_has_time_for_its_longest_jobs(graph: Graph) -> None:
    for name in POOLS:
        _, gone = graph[f"pools-{name}"].inputs["initialLifecycleHooks"]
        assert (gone["name"], gone["heartbeatTimeout"]) == ("berth-gone", 900)


def test_spot_nodes_come_after_the_on_demand_ones() -> None:
    graph = node_pools(replace(POOLS["app"], spot=True, on_demand_base=1))
    group = graph["pools-app"].inputs
    assert "launchTemplate" not in group
    assert group["mixedInstancesPolicy"]["instancesDistribution"] == {
        "onDemandBaseCapacity": 1,
        "onDemandPercentageAboveBaseCapacity": 0,
        "spotAllocationStrategy": "price-capacity-optimized",
    }
    assert group["capacityRebalance"] is True
    # What AWS cannot give at the moment does not fail the stack.
    assert group["waitForCapacityTimeout"] == "0"


def test_a_reservation_is_the_pools_alone() -> None:
    graph = node_pools(replace(GPU, reservation_id=RESERVATION, zone=ZONES[1]))
    template = graph["pools-gpu-h200-template"].inputs
    assert template["capacityReservationSpecification"] == {
        "capacityReservationTarget": {"capacityReservationId": RESERVATION}
    }
    assert "instanceMarketOptions" not in template
    assert graph["pools-gpu-h200"].inputs["vpcZoneIdentifiers"] == ["private-b"]


def test_a_capacity_block_is_its_own_market() -> None:
    graph = node_pools(replace(GPU, reservation_id=RESERVATION, zone=ZONES[0], capacity_block=True))
    assert graph["pools-gpu-h200-template"].inputs["instanceMarketOptions"] == {"marketType": "capacity-block"}


def test_nodes_that_share_a_model_are_close_and_have_all_their_efas() -> None:
    graph = node_pools(replace(GPU, placement_group=True, efa=True, zone=ZONES[0]))
    template = graph["pools-gpu-h200-template"].inputs
    assert template["placement"] == {"groupName": "berth-prod-pool-gpu-h200"}
    assert graph["pools-gpu-h200-placement"].inputs["strategy"] == "cluster"
    first, *fabric = template["networkInterfaces"]
    assert first["securityGroups"] == ["sg-client"]
    assert "interfaceType" not in first
    assert len(fabric) == 16
    for interface in fabric:
        assert (interface["interfaceType"], interface["securityGroups"]) == ("efa-only", ["pools-efa-id"])


def test_the_efa_group_lets_through_its_own_members_and_is_there_only_when_needed(graph: Graph) -> None:
    assert not graph.of("SecurityGroup")
    rules = [
        node.inputs
        for node in node_pools(replace(GPU, placement_group=True, efa=True, zone=ZONES[0])).nodes
        if "Rule" in node.type
    ]
    assert len(rules) == 2
    for rule in rules:
        assert rule["securityGroupId"] == rule["referencedSecurityGroupId"] == "pools-efa-id"
        assert rule["tags"]["berth:part"] == "efa"
        assert not {"cidrIpv4", "cidrIpv6", "prefixListId"} & set(rule)


def test_a_preview_of_a_stack_that_is_not_there_goes_through() -> None:
    assert len(node_pools(*POOLS.values(), preview=True).of("Group")) == 3
