"""Changes of a running stack, one on top of the other: what is meant to change does, and nothing else is touched."""

from collections import Counter

import pytest

from infra.network.subnets import Nat
from tests.support.engine import Outcome
from tests.support.engine_stacks import Built
from tests.support.packets import Account

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]

IRREPLACEABLE = {"Vpc", "Key", "Bucket", "Volume", "NetworkInterface", "Subnet", "SecurityGroup", "LoadBalancer"}
"""What holds data, keys or addresses, and what everything else is in."""


def by_kind(outcome: Outcome) -> dict[str, int]:
    """Count steps as `create Subnet`."""
    quiet = {"same", "refresh"}
    return dict(Counter(f"{step.op} {step.type.rsplit(':', 1)[-1]}" for step in outcome.steps if step.op not in quiet))


def apply(stack: Built) -> dict[str, int]:
    """Make what was configured; nothing irreplaceable is deleted or replaced."""
    up = stack.engine.run("up")
    assert up.code == 0, up.said
    lost = {step.type.rsplit(":", 1)[-1] for step in up.steps if step.op not in {"same", "create", "update"}}
    assert lost.isdisjoint(IRREPLACEABLE), by_kind(up)
    return by_kind(up)


def subnets(stack: Built) -> dict[str, str]:
    account = Account.look(stack.aws("ec2"), stack.stack)
    return {key: one["CidrBlock"] for key, one in account.subnets.items()}


def test_one_zone_more_moves_nothing(engine_stack: Built) -> None:
    config = engine_stack.config
    before = subnets(engine_stack)
    engine_stack.configure(f"berth:zones[{len(config.zones)}]", f"us-east-1{'abcd'[len(config.zones)]}")
    foretold = by_kind(engine_stack.engine.run("preview"))
    nat = {"create Eip": 1, "create NatGateway": 1} if config.nat is Nat.PER_ZONE else {}
    assert apply(engine_stack) == foretold
    assert foretold == {
        "create Subnet": 3,
        "create RouteTable": 1,
        "create RouteTableAssociation": 3,
        "create Route": 1,
        **nat,
        "update VpcEndpoint": len(config.interface_endpoints) + 1,  # and S3's gateway
        "update LoadBalancer": 1,
        "update Group": len(config.pools),
    }
    after = subnets(engine_stack)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 3


def test_a_pool_of_another_size_is_one_change(engine_stack: Built) -> None:
    pool = engine_stack.config.pools[0]
    engine_stack.configure("berth:pools[0].desired", str(pool.max))
    assert apply(engine_stack) == {"update Group": 1}
    name = f"berth-{engine_stack.stack}-pool-{pool.name}"
    found = engine_stack.aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    assert found["AutoScalingGroups"][0]["DesiredCapacity"] == pool.max


def test_a_nat_for_each_zone_changes_routes_and_no_table(engine_stack: Built) -> None:
    zones = len(engine_stack.config.zones)
    moved = {"update Route": zones - 1}
    if engine_stack.config.nat is Nat.PER_ZONE:
        engine_stack.configure("berth:nat", Nat.SINGLE)
        assert apply(engine_stack) == {"delete Eip": zones - 1, "delete NatGateway": zones - 1, **moved}
    engine_stack.configure("berth:nat", Nat.PER_ZONE)
    assert apply(engine_stack) == {"create Eip": zones - 1, "create NatGateway": zones - 1, **moved}


def test_servers_are_replaced_one_after_the_other_and_keep_data_and_address(engine_stack: Built) -> None:
    servers = engine_stack.config.servers
    engine_stack.configure("berth:server_type", "m7i.xlarge")
    up = engine_stack.engine.run("up")
    assert up.code == 0, up.said
    assert by_kind(up) == {
        "update LaunchTemplate": servers,
        "delete-replaced Group": servers,
        "create-replacement Group": servers,
        "replace Group": servers,
    }
    turns = [(step.op, step.name) for step in up.steps if step.op in {"delete-replaced", "create-replacement"}]
    assert turns == [
        (op, f"servers-{slot}") for slot in range(servers) for op in ("delete-replaced", "create-replacement")
    ]


def test_what_was_changed_by_hand_is_found_and_repaired(engine_stack: Built) -> None:
    meddle(engine_stack)
    found = engine_stack.engine.run("preview", "--refresh", "--expect-no-changes")
    assert found.code != 0
    repairs = {
        "create SecurityGroupIngressRule": 1,
        "update SecurityGroupIngressRule": 1,
        "create BucketPublicAccessBlock": 1,
        "update Key": 1,
        "create Route": 1,
        "update Group": 1,
        "update Vpc": 1,
        "update RolePolicy": 1,
    }
    assert by_kind(found) == repairs
    up = engine_stack.engine.run("up", "--refresh")
    assert (up.code, by_kind(up)) == (0, repairs), up.said
    again = engine_stack.engine.run("preview", "--expect-no-changes")
    assert (again.code, by_kind(again)) == (0, {}), again.said


def meddle(stack: Built) -> None:
    """Do by hand, one of each, what a person would do at the console in a hurry."""
    ec2 = stack.aws("ec2")
    name = f"berth-{stack.stack}"
    account = Account.look(ec2, stack.stack)
    ingress = account.group("ingress")
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [ingress]}])["SecurityGroupRules"]
    world = {one["FromPort"]: one for one in rules if one.get("CidrIpv4") == "0.0.0.0/0" and not one["IsEgress"]}
    ec2.revoke_security_group_ingress(GroupId=ingress, SecurityGroupRuleIds=[world[80]["SecurityGroupRuleId"]])
    wide = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 4646, "CidrIpv4": "0.0.0.0/0"}
    ec2.modify_security_group_rules(
        GroupId=ingress,
        SecurityGroupRules=[{"SecurityGroupRuleId": world[443]["SecurityGroupRuleId"], "SecurityGroupRule": wide}],
    )
    private = account.table_of(account.tier("private")[0])["RouteTableId"]
    ec2.delete_route(RouteTableId=private, DestinationCidrBlock="0.0.0.0/0")
    ec2.delete_tags(Resources=[account.vpc["VpcId"]], Tags=[{"Key": "Name"}])
    stack.aws("s3").delete_public_access_block(Bucket=f"{name}-models-123456789012")
    aliases = stack.aws("kms").list_aliases()["Aliases"]
    vault = next(one["TargetKeyId"] for one in aliases if one["AliasName"] == f"alias/{name}-vault")
    stack.aws("kms").disable_key_rotation(KeyId=vault)
    pool = f"{name}-pool-{stack.config.pools[0].name}"
    stack.aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName=pool, MaxSize=50)
    widen(stack)


def widen(stack: Built) -> None:
    """Give the clients' role everything."""
    iam = stack.aws("iam")
    role = next(one["RoleName"] for one in iam.list_roles()["Roles"] if "client" in one["RoleName"])
    policy = iam.list_role_policies(RoleName=role)["PolicyNames"][0]
    everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=everything)
