import json
from typing import Any

import pulumi

from infra.compute.user_data import AWS_SERVICES
from infra.label import Label
from infra.network.endpoints import (
    ALWAYS_NEEDED,
    INTERFACES,
    InterfaceEndpoints,
    InterfaceEndpointsArgs,
    S3Endpoint,
    S3EndpointArgs,
    interface_policy,
    s3_policy,
)
from tests.support.graph import ACCOUNT, Graph, record

BUCKETS = ("arn:aws:s3:::berth-dev-logs", "arn:aws:s3:::berth-dev-models")


def gateway(*, preview: bool = False) -> Graph:
    def program() -> None:
        args = S3EndpointArgs(
            label=Label("dev"),
            region="eu-central-1",
            account_id=pulumi.Output.from_input(ACCOUNT),
            vpc_id="vpc-1",
            route_table_ids=["rt-1", pulumi.Output.from_input("rt-2")],
            bucket_arns=[pulumi.Output.from_input(one) for one in BUCKETS],
        )
        endpoint = S3Endpoint("s3", args)
        pulumi.export("prefix", endpoint.prefix_list_id)

    return record(program, preview=preview)


def test_the_gateway_is_of_the_stacks_own_region_and_in_every_table() -> None:
    graph = gateway()
    inputs = dict(graph["s3-gateway"].inputs)
    policy = json.loads(inputs.pop("policy"))
    assert inputs == {
        "vpcId": "vpc-1",
        "vpcEndpointType": "Gateway",
        "serviceName": "com.amazonaws.eu-central-1.s3",
        "routeTableIds": ["rt-1", "rt-2"],
        "tags": Label("dev").tags("s3-endpoint"),
    }
    assert policy == s3_policy("eu-central-1", ACCOUNT, BUCKETS)
    assert graph.outputs["prefix"] == "pl-s3-gateway"


def by_sid(policy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def test_our_buckets_are_named_and_only_our_account_uses_them() -> None:
    statements = by_sid(s3_policy("eu-west-1", ACCOUNT, BUCKETS))
    assert statements["OurObjects"]["Resource"] == [f"{arn}/*" for arn in BUCKETS]
    assert statements["OurBuckets"]["Resource"] == list(BUCKETS)
    for sid in ("OurObjects", "OurBuckets"):
        assert statements[sid]["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}


def test_booting_reads_aws_buckets_of_this_region_and_writes_none() -> None:
    booting = by_sid(s3_policy("eu-west-1", ACCOUNT, BUCKETS))["Booting"]
    assert booting["Action"] == ["s3:GetObject"]
    assert booting["Resource"] == [
        "arn:aws:s3:::al2023-repos-eu-west-1-*/*",
        "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*",
        "arn:aws:s3:::amazon-ssm-eu-west-1/*",
    ]


def test_no_statement_opens_every_bucket_or_action() -> None:
    for statement in s3_policy("eu-west-1", ACCOUNT, BUCKETS)["Statement"]:
        assert not {"*", "arn:aws:s3:::*", "arn:aws:s3:::*/*"} & set(statement["Resource"])
        assert not {"*", "s3:*"} & set(statement["Action"])


def test_an_interface_answers_under_the_services_own_name_behind_our_group() -> None:
    args = InterfaceEndpointsArgs(
        label=Label("dev"),
        region="eu-west-1",
        account_id=ACCOUNT,
        vpc_id="vpc-1",
        services=("kms", "ecr.api"),
        subnet_ids=["subnet-1", "subnet-2"],
        security_group_id="sg-1",
    )
    graph = record(lambda: InterfaceEndpoints("aws", args))
    assert graph.names == ["aws", "aws-kms", "aws-ecr.api"]
    inputs = dict(graph["aws-ecr.api"].inputs)
    assert json.loads(inputs.pop("policy")) == interface_policy(ACCOUNT)
    assert inputs == {
        "vpcId": "vpc-1",
        "vpcEndpointType": "Interface",
        "serviceName": "com.amazonaws.eu-west-1.ecr.api",
        "privateDnsEnabled": True,
        "subnetIds": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["sg-1"],
        "tags": Label("dev").tags("endpoint-ecr.api"),
    }


def test_what_machines_call_is_always_there() -> None:
    assert set(AWS_SERVICES) <= set(ALWAYS_NEEDED) <= set(INTERFACES)


def test_a_preview_needs_no_answers() -> None:
    assert "policy" in gateway(preview=True)["s3-gateway"].inputs
