"""`berth cost` from the command line, and its sums compared with sums made by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.compute.instance_types import INSTANCE_TYPES
from infra.compute.pools import PoolConfig
from infra.config.stack import StackConfig
from nomad_jobs.errors import Exit
from nomad_jobs.model import PoolKind
from scripts.cli import run
from scripts.ops import cost, stack_files
from scripts.ops.cost import prices
from scripts.ops.cost.prices import HOURS_PER_MONTH, Item
from tests.support.stacks import values

POOL = PoolConfig(name="app", role=PoolKind.APP, instance_type="m7i.xlarge", min=0, max=9, desired=4)


def config(stack: str = "dev", **changes: Any) -> StackConfig:
    return StackConfig.parse(values(stack, changes))


def bill_of(pool: PoolConfig, **changes: Any) -> cost.Bill:
    """Bill dev with one pool only, which would not be enough for its catalogue."""
    return cost.bill(replace(config(**changes), pools=(pool,)))


def line(bill: cost.Bill, what: str, detail: str = "") -> cost.Line:
    return next(one for one in bill.lines if one.what == what and detail in one.detail)


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert run(["cost", *argv]) == Exit.DONE
    return capsys.readouterr().out


def test_prod_is_counted_whole() -> None:
    bill = cost.bill(config("prod"))
    assert {one.what: one.count for one in bill.lines if not one.what.startswith("pool app")} == {
        "servers": 3,
        "pool ingress": 3,
        "pool gpu-h200": 1,
        "NAT gateway": 3,
        "network load balancer": 1,
        "interface endpoint": 30,
        "public IPv4 address": 9,
        "gp3 volume": 3 * (20 + 50) + (3 + 3) * 100 + 150,
        "KMS key": 4,
    }
    assert [one.count for one in bill.lines if one.what == "pool app"] == [2, 1]


def test_an_hour_of_a_gpu_node_is_what_the_table_says() -> None:
    node = line(cost.bill(config("prod")), "pool gpu-h200")
    assert node.usd_hour == 63.296
    assert node.usd_month == pytest.approx(63.296 * 730)


def test_spot_nodes_come_after_the_on_demand_base() -> None:
    bill = bill_of(replace(POOL, spot=True, on_demand_base=1))
    assert line(bill, "pool app", "m7i.xlarge").count == 1
    spot = line(bill, "pool app", ", spot")
    assert spot.count == 3
    assert spot.usd_hour == pytest.approx(3 * 0.085)  # the middle one of five zones


def test_without_spot_capacity_the_month_is_dearer() -> None:
    bill = bill_of(replace(POOL, spot=True))
    assert bill.usd_month_on_demand - bill.usd_month == pytest.approx(4 * (0.2016 - 0.085) * HOURS_PER_MONTH)


def test_at_its_max_a_pool_costs_its_max() -> None:
    bill = bill_of(POOL)
    assert bill.usd_month_at_most - bill.usd_month == pytest.approx(
        5 * (0.2016 * HOURS_PER_MONTH + 100 * 0.08)
    )  # node and disk


def test_what_has_no_source_is_unpriced_and_said() -> None:
    bill = cost.bill(config(region="ap-south-1", zones=["ap-south-1a", "ap-south-1b"]))
    assert line(bill, "servers").usd_month is None
    assert line(bill, "servers") in bill.unpriced
    assert any(sentence.startswith("unpriced: servers (t3.large)") for sentence in cost.sentences(bill))


def test_none_of_a_thing_without_a_price_is_no_gap() -> None:
    assert bill_of(replace(POOL, instance_type="t3.medium", desired=0, spot=True)).unpriced == ()


@given(
    desired=st.integers(0, 9),
    base=st.integers(0, 9),
    spot=st.booleans(),
    nat=st.sampled_from(["none", "single", "per_zone"]),
)
def test_the_sum_is_the_sum_of_the_lines(desired: int, base: int, spot: bool, nat: str) -> None:
    bill = bill_of(replace(POOL, desired=desired, spot=spot, on_demand_base=base if spot else 0), nat=nat)
    assert sum(one.count for one in bill.lines if one.what == "pool app") == desired
    assert bill.usd_month == pytest.approx(sum(one.usd_month or 0 for one in bill.lines))
    assert bill.usd_month <= bill.usd_month_on_demand <= bill.usd_month_at_most + 1e-9


def test_every_price_says_where_and_when_it_was_read() -> None:
    found = [
        price
        for region in (*prices.REGIONS, prices.EVERYWHERE)
        for price in (
            *(prices.on_demand(region, name) for name in INSTANCE_TYPES),
            *(prices.spot(region, name) for name in INSTANCE_TYPES),
            *(prices.item(region, item) for item in Item),
        )
        if price
    ]
    assert found
    assert all(one.usd > 0 and one.source.url.startswith("https://") and one.source.as_of for one in found)


def test_every_instance_type_is_priced_where_the_stacks_are() -> None:
    unpriced = [name for name in INSTANCE_TYPES if prices.on_demand("us-east-1", name) is None]
    assert unpriced == ["p5e.48xlarge"]  # AWS sells it as capacity blocks only


def test_the_table_and_the_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "prod")
    read = json.loads(shown(capsys, "prod", "--json"))
    assert f"{read['usd_month']:,.2f} a month" in text
    assert all(one["what"] in text for one in read["lines"])
    assert all(source["url"] in text for source in read["sources"])
    assert read["unpriced"] == []
    assert read["left_out"]


def test_a_stack_without_a_file_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "staging"]) == Exit.NO_STACK
    assert "there is no Pulumi.staging.yaml — name one of: dev, prod" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [("config: [", "cannot be read"), ("a: 1", "no settings under `config:`"), ("", "no settings"), ("\x00", "read")],
)
def test_a_damaged_stack_file_is_named(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack_files, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    assert run(["cost", "dev"]) == Exit.CONFIG
    assert said in capsys.readouterr().err


def test_a_wrong_setting_is_an_error_with_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("Pulumi.dev.yaml").read_text().replace("berth:servers: 1", "berth:servers: 2")
    monkeypatch.setattr(stack_files, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    assert run(["cost", "dev"]) == Exit.CONFIG
    assert "pulumi config set berth:servers" in capsys.readouterr().err


def test_a_pool_on_which_nothing_runs_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    pools = [{**pool, "desired": max(pool["desired"], 1)} for pool in values("dev")["pools"]]
    bill = cost.bill(config(pools=pools))  # a GPU node, although the model is parked there
    assert bill.idle_pools == ("gpu-h200",)
    assert "idle: pool gpu-h200 is paid for, and no service runs on it" in list(cost.sentences(bill))
    assert json.loads(shown(capsys, "prod", "--json"))["idle_pools"] == []
