import json
from typing import Any

import pytest

from infra.access.key_policies import PURPOSES
from infra.access.keys import Keys, KeysArgs
from infra.label import Label
from tests.support.graph import ACCOUNT, REGION, Graph, record
from tests.support.policies import lint


def keys(*, protect: bool = True) -> Graph:
    args = KeysArgs(label=Label("prod"), account_id=ACCOUNT, region=REGION, protect=protect)
    return record(lambda: Keys("keys", args), stack="prod")


def policy(graph: Graph, purpose: str) -> dict[str, Any]:
    statements = json.loads(graph[f"keys-{purpose}"].inputs["policy"])["Statement"]
    return {statement["Sid"]: statement for statement in statements}


def test_each_purpose_has_a_key_that_is_rotated_and_takes_a_month_to_go() -> None:
    graph = keys()
    assert {node.name for node in graph.of("Key")} == {f"keys-{purpose}" for purpose in PURPOSES}
    for key in graph.of("Key"):
        assert key.inputs["enableKeyRotation"] is True
        assert key.inputs["deletionWindowInDays"] == 30
        assert key.inputs["tags"]["berth:stack"] == "prod"


@pytest.mark.parametrize("protect", [True, False])
def test_protected_keys_outlive_their_stack(protect: bool) -> None:
    for key in keys(protect=protect).of("Key"):
        assert (key.protect, key.retain_on_delete) == (protect, protect)


def test_an_alias_says_whose_and_what_for() -> None:
    aliases = {alias.inputs["name"]: alias.inputs["targetKeyId"] for alias in keys().of("Alias")}
    assert set(aliases) == {f"alias/berth-prod-{purpose}" for purpose in PURPOSES}


def test_vaults_and_nomads_keys_leave_everything_to_iam() -> None:
    graph = keys()
    for purpose in ("vault", "nomad"):
        assert set(policy(graph, purpose)) == {"LeaveItToIam"}


def test_only_this_accounts_log_delivery_and_disks_may_use_the_storage_key() -> None:
    found = policy(keys(), "storage")
    assert set(found) == {"LeaveItToIam", "Disks", "FlowLogs"}
    assert found["FlowLogs"]["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert found["FlowLogs"]["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}
    assert found["Disks"]["Condition"]["StringEquals"] == {
        "kms:CallerAccount": ACCOUNT,
        "kms:ViaService": f"ec2.{REGION}.amazonaws.com",
    }


def test_no_key_is_open_to_everyone_without_a_condition() -> None:
    for purpose in PURPOSES:
        for statement in policy(keys(), purpose).values():
            assert statement["Principal"] != {"AWS": "*"} or statement["Condition"]


def test_every_key_policy_is_clean() -> None:
    for key in keys().of("Key"):
        assert lint(key.inputs["policy"]) == []
