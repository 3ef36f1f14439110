"""Both stacks under the real Pulumi engine: preview, up, no changes left; no secret in the state."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra.policy import rules, secret_rules
from scripts.ops import cost, stacks
from scripts.ops.cost.prices import Item
from tests.support.engine_stacks import Built, as_policy_sees, resources

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]

KEPT = Path(__file__).parent / "engine_kept.json"
"""What moto does not hold, so that these tests say nothing about it; `--golden` writes it anew."""


def test_a_preview_foretells_exactly_what_up_does(engine_stack: Built) -> None:
    foretold, done = (
        {(step.op, step.urn) for step in outcome.steps} for outcome in (engine_stack.preview, engine_stack.up)
    )
    assert done == foretold
    assert set(engine_stack.up.counts) == {"create"}


def test_the_policy_pack_runs_by_default(engine_stack: Built) -> None:
    assert "berth-leak" in engine_stack.preview.said
    assert "the policy pack is off" not in engine_stack.preview.said


def test_a_second_up_has_nothing_to_do(engine_stack: Built) -> None:
    again = engine_stack.engine.run("up", "--expect-no-changes")
    assert (again.code, again.counts) == (0, {}), again.said


def test_a_refresh_finds_what_was_made(engine_stack: Built) -> None:
    refresh = engine_stack.engine.run("refresh", "--expect-no-changes")
    assert (refresh.code, refresh.counts) == (0, {}), refresh.said
    preview = engine_stack.engine.run("preview", "--expect-no-changes")
    assert (preview.code, preview.counts) == (0, {}), preview.said


def test_what_moto_does_not_hold_is_named(engine_stack: Built, *, pytestconfig: pytest.Config) -> None:
    golden: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept = engine_stack.engine.kept()
    print(f"kept in {engine_stack.stack}'s state only, so not proven here:", *kept, sep="\n  ")
    if pytestconfig.getoption("--golden"):
        KEPT.write_text(json.dumps({**golden, engine_stack.stack: kept}, indent=2, sort_keys=True) + "\n")
    else:
        assert list(kept) == list(golden[engine_stack.stack])


def test_what_was_made_breaks_no_rule(engine_stack: Built) -> None:
    assert rules.check_all(as_policy_sees(engine_stack.engine.state())) == ()


def test_state_outputs_and_stack_file_hold_no_secret(engine_stack: Built) -> None:
    engine = engine_stack.engine
    for one in resources(engine.state()):
        for side in ("inputs", "outputs"):
            assert list(secret_rules.outputs({one["urn"]: one.get(side, {})})) == []
    assert list(secret_rules.outputs(engine.outputs())) == []
    stack_file = (engine.project / f"Pulumi.{engine_stack.stack}.yaml").read_text()
    assert secret_rules.secret_in(stack_file) == ""


def test_berth_reads_the_platform_from_the_stack(engine_stack: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine_stack.engine.env().items():
        monkeypatch.setenv(name, value)
    platform = stacks.platform_of(engine_stack.stack)
    assert platform.stack == engine_stack.stack
    buckets = {one["Name"] for one in engine_stack.aws("s3").list_buckets()["Buckets"]}
    assert set(platform.buckets.values()) == buckets


def test_cost_counts_what_is_there(engine_stack: Built) -> None:
    held = Counter(one["type"] for one in resources(engine_stack.engine.state()))
    bill = cost.bill(engine_stack.config)
    counted = {one.what: one.count for one in bill.lines}
    assert counted[Item.NAT_GATEWAY] == held["aws:ec2/natGateway:NatGateway"]
    assert counted[Item.NETWORK_LOAD_BALANCER] == held["aws:lb/loadBalancer:LoadBalancer"]
    assert counted[Item.KMS_KEY] == held["aws:kms/key:Key"]
    endpoints = engine_stack.aws("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    interfaces = [one for one in endpoints if one["VpcEndpointType"] == "Interface"]
    assert counted[Item.INTERFACE_ENDPOINT] == sum(len(one["SubnetIds"]) for one in interfaces)
