"""The policy pack, the program's own guard and `berth infra` under the real engine, with a program that leaks."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError, Exit, NoSuchStackError, PolicyError
from scripts.ops import pulumi, pulumi_refusals
from tests.support.engine import ROOT, Engine
from tests.support.moto_server import moto_server

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]

PACK = str(ROOT / "infra" / "policy")
LEAKY = """
import pulumi
from pulumi_aws import ec2, vpc
from infra.policy.guard import guard

guard()
network = ec2.Vpc("network", cidr_block="10.0.0.0/16")
group = ec2.SecurityGroup("servers", vpc_id=network.id, description="servers")
anyone = network.id.apply(lambda _: "0.0.0.0/0") if pulumi.Config().get_bool("late") else "0.0.0.0/0"
vpc.SecurityGroupIngressRule(
    "nomad-for-all", security_group_id=group.id, cidr_ipv4=anyone, ip_protocol="tcp", from_port=4646, to_port=4646,
    description="oops",
)
"""
SAID = "L1 nomad-for-all, port 4646/tcp (nomad_http): is open to 0.0.0.0/0 — name the group that needs it instead"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    project = tmp_path / "project"
    (project / "infra").mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: leaky\nruntime: python\nmain: infra\n")
    (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n")
    (project / "infra" / "__main__.py").write_text(LEAKY)
    with moto_server() as url:
        engine = Engine(home=tmp_path / "home", project=project, url=url, stack="dev")
        assert engine.command("stack", "init", "dev").returncode == 0
        yield engine


def test_a_preview_with_the_pack_names_rule_resource_port_and_fix(engine: Engine) -> None:
    outcome = engine.run("preview", "--policy-pack", PACK)
    assert outcome.code != 0
    assert "berth-leak" in outcome.said
    assert SAID in outcome.said


def test_the_environment_alone_turns_the_pack_on(engine: Engine) -> None:
    outcome = engine.run("preview", PULUMI_OPTION_POLICY_PACK=PACK)
    assert outcome.code != 0
    assert (
        "[mandatory]  leak  (aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule: nomad-for-all)" in outcome.said
    )
    assert "the policy pack is off" not in outcome.said
    # The same preview finds violations that only several resources together make.
    assert "L3 network" in outcome.said
    assert "CIS 3.7 network" in outcome.said


@pytest.mark.parametrize("late", ["false", "true"])
def test_without_the_pack_the_program_refuses_by_itself(engine: Engine, late: str) -> None:
    """The open rule is never made, whether its value is known in the preview or only during `up`."""
    engine.must("config", "set", "late", late)
    outcome = engine.run("up")
    assert outcome.code != 0
    assert SAID in outcome.said
    assert not [step for step in outcome.steps if step.name == "nomad-for-all"]


def test_up_with_the_pack_makes_no_open_rule_either(engine: Engine) -> None:
    engine.must("config", "set", "late", "true")
    outcome = engine.run("up", PULUMI_OPTION_POLICY_PACK=PACK)
    assert outcome.code != 0
    assert SAID in outcome.said
    assert not [step for step in outcome.steps if step.name == "nomad-for-all"]


@pytest.fixture
def here(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Use the engine's environment in this process, except for the home in which the programs are."""
    for name, value in {**engine.env(), "HOME": os.environ["HOME"]}.items():
        monkeypatch.setenv(name, value)
    return engine


def test_berth_infra_turns_the_pack_on_and_ends_with_5(here: Engine) -> None:
    with pytest.raises(PolicyError, match=r"rule.s. broken, first: L1 nomad-for-all") as caught:
        pulumi.run("preview", "dev", root=here.project)
    assert caught.value.code is Exit.POLICY


def test_berth_infra_says_that_a_stack_is_not_there(here: Engine) -> None:
    with pytest.raises(NoSuchStackError, match="pulumi stack init prod"):
        pulumi.run("preview", "prod", root=here.project)


def test_berth_infra_tells_changes_where_none_were_expected(here: Engine) -> None:
    (here.project / "infra" / "__main__.py").write_text("import pulumi\npulumi.export('a', 1)\n")
    with pytest.raises(pulumi_refusals.ChangesError) as caught:
        pulumi.run("preview", "dev", ("--expect-no-changes",), root=here.project)
    assert caught.value.code is Exit.CHANGES


def test_berth_infra_asks_for_a_yes_where_nobody_can_be_asked(here: Engine) -> None:
    with pytest.raises(ConfigError, match="--yes"):
        pulumi.run("up", "dev", root=here.project)


def test_berth_infra_says_first_what_the_program_fell_over(here: Engine) -> None:
    (here.project / "infra" / "__main__.py").write_text("raise RuntimeError('no such thing')\n")
    with pytest.raises(BerthError, match="no such thing"):
        pulumi.run("preview", "dev", root=here.project)
