import json
from base64 import b64decode
from itertools import pairwise
from typing import Any

import pulumi
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.access.key_policies import PURPOSES
from infra.compute.control_plane import ControlPlane, ControlPlaneArgs, ServerPlan, plan_servers
from infra.label import Label
from tests.support.boots import MACHINE, PROGRAMS
from tests.support.graph import ACCOUNT, REGION, Graph, Node, record

ZONES = (f"{REGION}a", f"{REGION}b", f"{REGION}c")
FOURTH = f"{REGION}d"


def control_plane(servers: int = 3, *, protect: bool = True, preview: bool = False) -> Graph:
    def program() -> None:
        args = ControlPlaneArgs(
            label=Label("prod"),
            region=REGION,
            account_id=ACCOUNT,
            domain="example.com",
            servers=servers,
            server_type="m7i.large",
            zones=ZONES,
            vpc_id="vpc-1",
            subnet_ids=["subnet-a", "subnet-b", "subnet-c"],
            group_id="sg-server",
            instance_profile=pulumi.Output.from_input("berth-prod-machine-server"),
            role_arns={"server": "arn:server", "client": pulumi.Output.from_input("arn:client")},
            key_arns={purpose: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{purpose}" for purpose in PURPOSES},
            bucket=pulumi.Output.from_input("binaries"),
            downloads={**PROGRAMS, "machine.pyz": MACHINE},
            programs=[],
            protect=protect,
        )
        plane = ControlPlane("servers", args)
        pulumi.export("addresses", list(plane.addresses))
        pulumi.export("urls", plane.urls)

    return record(program, stack="prod", preview=preview)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return control_plane()


def facts(graph: Graph, slot: int) -> Any:
    text = b64decode(graph[f"servers-{slot}-template"].inputs["userData"]).decode()
    files = {file["path"]: file["content"] for file in yaml.safe_load(text)["write_files"]}
    return json.loads(files["/etc/berth/machine.json"])


@given(st.sampled_from([1, 3, 5]), st.lists(st.sampled_from([*ZONES, FOURTH]), min_size=1, max_size=4, unique=True))
def test_servers_are_spread_over_zones_and_a_larger_plan_moves_none(servers: int, zones: list[str]) -> None:
    plans = plan_servers(servers, zones)
    assert [plan.slot for plan in plans] == list(range(servers))
    assert all(zones[plan.zone_index] == plan.zone for plan in plans)
    assert plan_servers(servers + 2, zones)[:servers] == plans
    if len(zones) >= 3 and servers >= 3:
        assert all(sum(plan.zone == zone for plan in plans) <= servers // 2 for zone in zones)


@given(st.sampled_from([1, 3, 5]), st.permutations([*ZONES, FOURTH]))
def test_a_fourth_zone_moves_no_server(servers: int, zones: list[str]) -> None:
    assert plan_servers(servers, zones) == plan_servers(servers, zones[:3])


def test_three_servers_are_in_three_zones() -> None:
    assert plan_servers(3, ZONES) == tuple(ServerPlan(slot=n, zone=ZONES[n], zone_index=n) for n in range(3))


def test_each_server_keeps_its_address_and_its_data(graph: Graph) -> None:
    for slot, (zone, subnet) in enumerate(zip(ZONES, ("subnet-a", "subnet-b", "subnet-c"), strict=True)):
        interface, volume = graph[f"servers-{slot}-interface"], graph[f"servers-{slot}-data"]
        assert (interface.inputs["subnetId"], interface.inputs["securityGroups"]) == (subnet, ["sg-server"])
        assert (volume.inputs["availabilityZone"], volume.inputs["encrypted"]) == (zone, True)
        assert volume.inputs["kmsKeyId"].endswith("key/state")
        assert (volume.protect, volume.retain_on_delete) == (True, True)
        template = graph[f"servers-{slot}-template"].inputs
        assert template["networkInterfaces"] == [{"deviceIndex": 0, "networkInterfaceId": interface.name + "-id"}]
        group = graph[f"servers-{slot}"].inputs
        assert group["availabilityZones"] == [zone]
        assert "vpcZoneIdentifiers" not in group
        assert (group["minSize"], group["maxSize"], group["desiredCapacity"]) == (1, 1, 1)


def test_servers_are_replaced_one_after_the_other_the_old_one_first(graph: Graph) -> None:
    groups = [graph[f"servers-{slot}"] for slot in range(3)]
    for earlier, later in pairwise(groups):
        assert earlier.urn in later.dependencies
        assert later.urn not in earlier.dependencies
    for group in groups:
        assert group.delete_before_replace
        assert group.replace_on_changes == ("launchTemplate",)
        assert group.inputs["launchTemplate"]["version"] == "1"
        assert group.inputs["waitForCapacityTimeout"] == "1800s"


def test_a_server_counts_once_it_says_so_itself(graph: Graph) -> None:
    for group in graph.of("Group"):
        ready, gone = group.inputs["initialLifecycleHooks"]
        assert (ready["name"], ready["lifecycleTransition"]) == (
            "berth-ready",
            "autoscaling:EC2_INSTANCE_LAUNCHING",
        )
        assert (ready["defaultResult"], gone["defaultResult"]) == ("ABANDON", "CONTINUE")
        assert (gone["name"], gone["lifecycleTransition"]) == ("berth-gone", "autoscaling:EC2_INSTANCE_TERMINATING")


def test_a_machine_is_sealed_and_guarded(graph: Graph) -> None:
    for template in graph.of("LaunchTemplate"):
        assert template.inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
            "instanceMetadataTags": "disabled",
        }
        (disk,) = template.inputs["blockDeviceMappings"]
        assert (disk["ebs"]["encrypted"], disk["ebs"]["kmsKeyId"][-7:]) == ("true", "storage")
        assert template.inputs["imageId"].startswith("resolve:ssm:/aws/service/")
        assert template.inputs["iamInstanceProfile"] == {"name": "berth-prod-machine-server"}
        assert "keyName" not in template.inputs


def test_agents_find_the_servers_by_their_tag(graph: Graph) -> None:
    for slot in range(3):
        specifications = graph[f"servers-{slot}-template"].inputs["tagSpecifications"]
        assert {one["resourceType"] for one in specifications} == {"instance", "volume"}
        for one in specifications:
            assert one["tags"]["berth:joins"] == "berth-prod"
            assert (one["tags"]["berth:stack"], one["tags"]["berth:role"]) == ("prod", "server")


def test_user_data_knows_the_servers_own_things(graph: Graph) -> None:
    for slot in range(3):
        found = facts(graph, slot)
        assert found["volume"] == f"servers-{slot}-data-id"
        assert found["group"] == graph[f"servers-{slot}"].inputs["name"] == f"berth-prod-server-{slot}"
        assert found["is_first"] == (slot == 0)
        assert found["roles"] == {"server": "arn:server", "client": "arn:client"}
        assert set(found["programs"]) == {"consul", "nomad", "vault"}
        assert found["bucket"] == "binaries"


def test_the_servers_have_names_inside_the_network_only(graph: Graph) -> None:
    (zone,) = graph.of("Zone")
    assert (zone.inputs["name"], zone.inputs["vpcs"]) == ("prod.berth.internal", [{"vpcId": "vpc-1"}])
    records: dict[str, Node] = {node.inputs["name"]: node for node in graph.of("Record")}
    assert set(records) == {f"{program}.prod.berth.internal" for program in ("consul", "nomad", "vault")}
    for node in records.values():
        assert node.inputs["records"] == graph.outputs["addresses"]
        assert len(node.inputs["records"]) == 3
    assert graph.outputs["urls"] == {
        "nomad": "https://nomad.prod.berth.internal:4646",
        "vault": "https://vault.prod.berth.internal:8200",
        "consul": "https://127.0.0.1:8501",
    }


def test_a_small_stack_has_one_server_whose_volume_may_go() -> None:
    graph = control_plane(1, protect=False)
    assert [node.name for node in graph.of("Group")] == ["servers-0"]
    assert [node.protect for node in graph.of("Volume")] == [False]


def test_a_preview_of_a_stack_that_is_not_there_goes_through() -> None:
    assert len(control_plane(preview=True).of("Group")) == 3
