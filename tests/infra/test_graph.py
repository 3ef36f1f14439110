"""The recorder that all tests of infra/ use."""

import pulumi
import pytest
from pulumi_aws import ec2, get_caller_identity, s3

from tests.support.graph import record


class Pair(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:test:Pair", name, None, opts)
        vpc = ec2.Vpc(f"{name}-vpc", cidr_block="10.0.0.0/16", opts=pulumi.ResourceOptions(parent=self, protect=True))
        late = vpc.arn.apply(lambda arn: f"{arn}!")
        ec2.Subnet(f"{name}-subnet", vpc_id=vpc.id, tags={"late": late}, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"vpc": vpc.id})


def test_every_child_is_awaited_with_its_whole_inputs() -> None:
    graph = record(lambda: Pair("net"))
    assert graph.names == ["net", "net-vpc", "net-subnet"]
    subnet = graph["net-subnet"]
    assert subnet.inputs == {"vpcId": "net-vpc-id", "tags": {"late": "arn:aws:ec2:eu-west-1:123456789012:vpc/net-vpc!"}}
    assert subnet.parent == graph["net"].urn
    assert subnet.property_dependencies["vpcId"] == (graph["net-vpc"].urn,)
    assert graph["net-vpc"].protect
    assert graph.component_outputs[graph["net"].urn] == {"vpc": "net-vpc-id"}


def test_a_preview_knows_no_identifiers() -> None:
    graph = record(lambda: Pair("net"), preview=True)
    assert graph["net-subnet"].inputs["vpcId"] != "net-vpc-id"
    assert graph["net-subnet"].property_dependencies["vpcId"] == (graph["net-vpc"].urn,)


def test_exports_and_configuration_reach_the_program() -> None:
    def program() -> None:
        bucket = s3.Bucket("logs", bucket=pulumi.Config("berth").require("bucket"))
        pulumi.export("bucket", bucket.bucket)
        pulumi.export("account", get_caller_identity().account_id)
        pulumi.export("stack", pulumi.get_stack())

    graph = record(program, stack="prod", config={"berth:bucket": "b"})
    assert graph.outputs == {"bucket": "b", "account": "123456789012", "stack": "prod"}


def test_a_fault_in_an_apply_is_raised() -> None:
    def program() -> None:
        vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        pulumi.export("never", vpc.id.apply(lambda _: 1 / 0))

    with pytest.raises(ZeroDivisionError):
        record(program)


def test_one_run_leaves_nothing_to_the_next() -> None:
    def first() -> None:
        pulumi.export("one", 1)

    record(first, config={"berth:x": "1"})

    def second() -> None:
        assert pulumi.Config("berth").get("x") is None

    assert record(second).outputs == {}


def test_a_function_without_an_answer_fails_the_test() -> None:
    with pytest.raises(Exception, match="getAmi"):
        record(lambda: pulumi.export("ami", ec2.get_ami(most_recent=True, owners=["self"]).id))
