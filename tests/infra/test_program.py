"""The whole program, for both stack files and for many that might be written."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.network.ports import MACHINE_KINDS, MachineKind
from infra.policy import agent_rules
from infra.policy.rules import check_all
from infra.policy.secret_rules import outputs, secret_in
from nomad_jobs import checks
from nomad_jobs.catalog import SERVICES
from nomad_jobs.images import Pins
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import Platform
from tests.support.generated_stacks import changes
from tests.support.graph import ACCOUNT, Graph, Node
from tests.support.platforms import test_pins
from tests.support.program import as_resource, stack_graph
from tests.support.stacks import ROOT, STACKS
from vault_policies.holders import PEOPLE

REGION = "us-east-1"
UNTAGGED = {
    "Alias",
    "Attachment",
    "BucketLifecycleConfiguration",
    "BucketOwnershipControls",
    "BucketPolicy",
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "CertificateValidation",
    "Record",
    "RolePolicy",
    "RolePolicyAttachment",
    "Route",
    "RouteTableAssociation",
}
"""Types to which AWS takes no tags."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module", params=STACKS)
def graph(request: pytest.FixtureRequest, folder: Path) -> Graph:
    return stack_graph(request.param, folder)


def test_the_stacks_break_no_rule(graph: Graph) -> None:
    assert check_all([as_resource(node) for node in graph.resources]) == ()


def test_what_is_exported_holds_no_secret(graph: Graph) -> None:
    assert list(outputs(graph.outputs)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_first_preview_works_and_breaks_no_rule(stack: str, folder: Path) -> None:
    graph = stack_graph(stack, folder, preview=True)
    assert check_all([as_resource(node) for node in graph.resources]) == ()
    assert sorted(graph.names) == sorted(stack_graph(stack, folder).names)


def test_everything_belongs_to_a_component_of_ours(graph: Graph) -> None:
    urns = {node.urn: node for node in graph.nodes}
    for node in graph.resources:
        assert urns[node.parent].type.startswith(("berth:", "aws:")), node.name
    for node in graph.nodes:
        if node.is_component:
            assert node.urn in graph.component_outputs, f"{node.name} never said that it was done"


def test_whatever_can_be_tagged_carries_the_label(graph: Graph) -> None:
    for node in graph.resources:
        tags = node.inputs.get("tags")
        if isinstance(tags, list):
            tags = {tag["key"]: tag["value"] for tag in tags}
        kind = node.type.rsplit(":", 1)[-1]
        assert (tags is None) == (kind in UNTAGGED), node.name
        if tags:
            assert {"Name", "berth:stack", "berth:part"} <= set(tags), node.name


def test_nothing_is_made_twice(graph: Graph) -> None:
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)


def test_the_platform_runs_the_catalogue(graph: Graph) -> None:
    platform = Platform.from_json(graph.outputs["platform"], where="output")
    assert platform.runs_containers
    assert not platform.is_laptop
    assert platform.region == platform.datacenter == REGION
    assert platform.max_kill_timeout_s == MAX_KILL_TIMEOUT_S
    assert platform.entry == graph.outputs["address"]
    assert platform.buckets["models"] == f"berth-{platform.stack}-models-{ACCOUNT}"
    checks.check(SERVICES, platform, _every_image())


def test_the_record_says_who_may_log_in(graph: Graph) -> None:
    logins = Platform.from_json(graph.outputs["platform"], where="output").logins
    kinds = {kind.value for kind in MACHINE_KINDS}
    pipelines = {"deploy"} if logins.pipelines else set()
    assert set(logins.iam_roles) == {*kinds, *PEOPLE, *pipelines}
    assert logins.people is None


def _every_image() -> Pins:
    return test_pins(*{service.container.image for service in SERVICES})


def test_servers_stand_where_nothing_leads_to_the_internet(graph: Graph) -> None:
    isolated = {f"{node.name}-id" for node in graph.of("Subnet") if "isolated" in node.name}
    assert {node.inputs["subnetId"] for node in graph.of("NetworkInterface")} <= isolated
    for endpoint in graph.of("VpcEndpoint"):
        if endpoint.inputs["vpcEndpointType"] == "Interface":
            assert set(endpoint.inputs["subnetIds"]) == isolated


def test_the_way_to_s3_is_in_every_route_table_and_names_every_bucket(graph: Graph) -> None:
    gateway = graph["s3-gateway"].inputs
    assert set(gateway["routeTableIds"]) == {f"{node.name}-id" for node in graph.of("RouteTable")}
    assert gateway["serviceName"] == f"com.amazonaws.{REGION}.s3"
    named = {arn for statement in json.loads(gateway["policy"])["Statement"] for arn in statement["Resource"]}
    assert {f"arn:aws:s3:::{node.inputs['bucket']}/*" for node in graph.of("Bucket")} <= named


def test_flow_logs_wait_for_the_policy_that_allows_them(graph: Graph) -> None:
    logs = graph["flow-all"]
    assert graph["storage-logs-policy"].urn in logs.property_dependencies["logDestination"]
    assert logs.inputs["logDestination"] == f"arn:aws:s3:::{graph['storage-logs'].inputs['bucket']}"


def test_every_machine_has_the_group_of_its_kind(graph: Graph) -> None:
    groups = {f"firewall-{kind}-id" for kind in MACHINE_KINDS}
    for template in graph.of("LaunchTemplate"):
        used = {one for nic in template.inputs["networkInterfaces"] for one in nic.get("securityGroups", [])}
        assert used <= groups, template.name
    assert {one for node in graph.of("NetworkInterface") for one in node.inputs["securityGroups"]} == {
        f"firewall-{MachineKind.SERVER}-id"
    }


def test_every_agent_in_user_data_keeps_the_rules(graph: Graph) -> None:
    seen = []
    for template in graph.of("LaunchTemplate"):
        for path, text in _agent_files(template):
            seen.append((template.name, Path(path).stem))
            if Path(path).stem in {"nomad", "consul", "vault"}:
                assert list(agent_rules.agent(Path(path).stem, text, f"{template.name} {path}")) == []
    servers = {name for name, program in seen if program == "vault"}
    nodes = {name for name, program in seen if program == "nomad"} - servers
    assert len(servers) == {"dev": 1, "prod": 3}[_stack(graph)]
    assert len(nodes) == 3


def _agent_files(template: Node) -> Iterator[tuple[str, str]]:
    cloud_config = yaml.safe_load(base64.b64decode(template.inputs["userData"]))
    for file in cloud_config["write_files"]:
        if file["path"].endswith(".hcl"):
            yield file["path"], file["content"]


def _stack(graph: Graph) -> str:
    return Platform.from_json(graph.outputs["platform"], where="output").stack


@pytest.mark.parametrize("stack", STACKS)
def test_stack_files_hold_no_secret(stack: str) -> None:
    assert secret_in((ROOT / f"Pulumi.{stack}.yaml").read_text()) == ""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stack=st.sampled_from(STACKS), changed=changes(), preview=st.booleans())
def test_no_stack_that_can_be_written_breaks_a_rule(
    folder: Path, stack: str, changed: dict[str, Any], *, preview: bool
) -> None:
    graph = stack_graph(stack, folder, changed, preview=preview)
    assert check_all([as_resource(node) for node in graph.resources]) == ()
    assert len(set(graph.names)) == len(graph.names)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stack=st.sampled_from(STACKS), changed=changes())
def test_a_zone_appended_to_any_stack_touches_what_spans_zones_and_nothing_else(
    folder: Path, stack: str, changed: dict[str, Any]
) -> None:
    three = changed["zones"][:3]
    four = [*three, *sorted({f"{REGION}{letter}" for letter in "abcd"} - set(three))[:1]]
    before, after = (stack_graph(stack, folder, {**changed, "zones": zones}) for zones in (three, four))
    # Programs are left out: no two file assets are equal.
    comparable = [node for node in before.resources if not node.name.startswith("programs-")]
    touched = {node.name for node in comparable if node.inputs != after[node.name].inputs}
    endpoints = {"s3-gateway", *(f"endpoints-{service}" for service in changed["interface_endpoints"])}
    pools = {f"pools-{pool['name']}" for pool in changed["pools"] if "zone" not in pool}
    assert touched == endpoints | pools | {"ingress-balancer"}


def test_a_bad_configuration_is_told_line_by_line_without_a_traceback(tmp_path: Path) -> None:
    """Run the program as the engine would; the engine passes settings in `PULUMI_CONFIG`."""
    program = (
        "import pulumi, sys\n"
        "from infra import __main__\n"
        "pulumi.log.error = lambda line: print(line, file=sys.stderr)\n"
        "pulumi.log.warn = lambda line: None\n"
        "__main__.guard = lambda: None\n"
        "__main__.main()\n"
    )
    config = json.dumps({"aws:region": "mars-1", "berth:servers": "2", "berth:cidr": "10.0.0.0/33"})
    environment = {"PULUMI_CONFIG": config, "PULUMI_STACK": "dev", "PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert len(lines) >= 6
    assert all("`pulumi " in line for line in lines)
