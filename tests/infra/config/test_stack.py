import ast
import inspect
import json
import shlex
from contextlib import suppress
from dataclasses import fields
from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.access.gitlab import GitLabConfig
from infra.access.people import PeopleConfig
from infra.config.stack import StackConfig
from infra.network.endpoints import ALWAYS_NEEDED
from infra.network.subnets import Nat
from nomad_jobs.errors import BerthError, ConfigError, Exit, ManyErrors
from nomad_jobs.model import PoolKind
from tests.support.graph import record
from tests.support.stacks import STACKS, settings, values


def errors_of(changes: dict[str, Any], stack: str = "prod") -> list[BerthError]:
    with pytest.raises(BerthError) as caught:
        StackConfig.parse(values(stack, changes))
    assert caught.value.code is Exit.CONFIG
    return list(caught.value.errors) if isinstance(caught.value, ManyErrors) else [caught.value]


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_files_are_good(stack: str) -> None:
    config = StackConfig.parse(values(stack))
    assert (config.stack, config.region) == (stack, "us-east-1")
    assert [pool.role for pool in config.pools] == [PoolKind.APP, PoolKind.INGRESS, PoolKind.GPU]
    assert config.servers == {"dev": 1, "prod": 3}[stack]


def test_values_have_their_types() -> None:
    config = StackConfig.parse(values("prod"))
    assert config.cidr == IPv4Network("10.21.0.0/16")
    assert config.nat is Nat.PER_ZONE
    assert config.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert isinstance(config.gitlab, GitLabConfig)
    assert config.gitlab.branch == "main"


@pytest.mark.parametrize("stack", STACKS)
def test_what_pulumi_stores_as_text_reads_the_same(stack: str) -> None:
    typed = values(stack)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in typed.items()}
    assert StackConfig.parse(texts) == StackConfig.parse(typed)


def test_the_stacks_could_be_joined_since_their_networks_differ() -> None:
    dev, prod = (StackConfig.parse(values(stack)).cidr for stack in STACKS)
    assert not dev.overlaps(prod)


@pytest.mark.parametrize("stack", STACKS)
def test_a_program_reads_the_configuration_of_its_stack(stack: str) -> None:
    seen: list[StackConfig] = []
    record(lambda: seen.append(StackConfig.load()), stack=stack, config=settings(stack))
    assert seen == [StackConfig.parse(values(stack))]


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"cidr": "ten.dot"}, "must be a network such as 10.20.0.0/16", "berth:cidr 10.20.0.0/16"),
    ({"cidr": "10.21.0.1/16"}, "did you mean 10.21.0.0/16", "berth:cidr 10.20.0.0/16"),
    ({"cidr": "10.21.0.0/24"}, "too small", "berth:cidr 10.21.0.0/22"),
    ({"cidr": "10.0.0.0/8"}, "larger than AWS allows", "berth:cidr 10.0.0.0/16"),
    ({"cidr": "2001:db8::/32"}, "must be a network", "berth:cidr 10.20.0.0/16"),
    ({"cidr": "10.0.0.0/33"}, "must be a network", "berth:cidr 10.20.0.0/16"),
    ({"cidr": "8.8.0.0/16"}, "not a private network", "berth:cidr 10.20.0.0/16"),
    ({"cidr": "172.17.0.0/16"}, "overlaps 172.17.0.0/16, Docker's own network", "berth:cidr 10.0.0.0/16"),
    ({"on_prem_cidrs": ["10.21.4.0/24"]}, "overlaps 10.21.4.0/24, berth:on_prem_cidrs", "berth:cidr 10.0.0.0/16"),
    ({"on_prem_cidrs": ["8.8.8.0/24"]}, "not a private network", "'berth:on_prem_cidrs[0]' 192.168.10.0/24"),
    ({"servers": 2}, "must be 1, 3 or 5", "berth:servers 3"),
    ({"servers": 1}, "prod needs 3 or 5", "berth:servers 3"),
    ({"servers": "three"}, "must be a whole number", "berth:servers 3"),
    ({"server_type": "m7i.lrge"}, "no instance type 'm7i.lrge'", "berth:server_type m7i.large"),
    ({"region": "us-east-9"}, "no region 'us-east-9'", "aws:region us-"),
    ({"region": "cn-north-1"}, "no region 'cn-north-1'", "aws:region "),
    ({"region": None}, "is missing", "aws:region us-east-1"),
    ({"domain": None}, "is missing", "berth:domain berth.example.com"),
    ({"domain": "not a domain"}, "is not a domain name", "berth:domain berth.example.com"),
    ({"hosted_zone_id": "example.com"}, "not the ID of a Route 53 hosted zone", "berth:hosted_zone_id Z"),
    ({"alarm_email": "nobody"}, "is not a mail address", "berth:alarm_email team@example.com"),
    ({"budget_usd_month": 0}, "at least 1 US dollar, not 0", "berth:budget_usd_month 1000"),
    ({"zones": ["us-east-1a", "us-east-1b", "eu-west-1c"]}, "no zone of us-east-1", "'berth:zones[2]' us-east-1c"),
    ({"zones": ["us-east-1a"], "servers": 3}, "1 zone(s)", "'berth:zones[1]' us-east-1b"),
    ({"zones": ["us-east-1a", "us-east-1b"]}, "may lose the majority", "'berth:zones[2]' us-east-1c"),
    ({"zones": ["us-east-1a", "us-east-1b", "us-east-1a"]}, "named once", "'berth:zones[2]' us-east-1c"),
    ({"zones": "us-east-1a"}, "must be a list", "'berth:zones[0]' us-east-1a"),
    ({"nat": "two"}, "must be none, single, per_zone", "berth:nat none"),
    ({"ipv6": "perhaps"}, "must be true or false", "berth:ipv6 false"),
    ({"egress_ports": [443, 70000]}, "70000 is not a port number", "'berth:egress_ports[1]' 443"),
    ({"interface_endpoints": list(ALWAYS_NEEDED[1:])}, "'ec2' must be listed", "'berth:interface_endpoints[6]' ec2"),
    ({"zonse": ["us-east-1a"]}, "did you mean berth:zones?", "pulumi config rm"),
    ({"stack": "Prod!"}, "lower-case letters", "pulumi stack rename"),
    ({"stack": "local"}, "is the laptop", "pulumi stack rename"),
]


@pytest.mark.parametrize(("changes", "says", "fix"), FAULTS)
def test_a_fault_says_what_is_wrong_and_how_to_fix_it(changes: dict[str, Any], says: str, fix: str) -> None:
    texts = [str(error) for error in errors_of(changes)]
    assert any(says in text and fix in text for text in texts), texts
    assert not any("\n" in text for text in texts)


@pytest.mark.parametrize("changes", [changes for changes, _, _ in FAULTS], ids=str)
def test_the_commands_that_faults_name_fix_them(changes: dict[str, Any]) -> None:
    written = values("prod", changes)
    for _ in range(8):
        try:
            StackConfig.parse(written)
        except (ConfigError, ManyErrors) as error:
            first = error.errors[0] if isinstance(error, ManyErrors) else error
            written = run_command(written, str(first).rsplit("`", 2)[1])
        else:
            return
    pytest.fail(f"still wrong: {errors_of(written)}")


def run_command(written: dict[str, Any], command: str) -> dict[str, Any]:
    """Do to plain values what `pulumi config set` or `rm` does to a stack file."""
    match [word for word in shlex.split(command) if word != "--path"]:
        case ["pulumi", "config", "rm", key]:
            return {name: value for name, value in written.items() if name != key.removeprefix("berth:")}
        case ["pulumi", "stack", "rename", name]:
            return {**written, "stack": name}
        case ["pulumi", "config", "set", key, value]:
            name, _, rest = key.split(":")[1].partition("[")
            if not rest:
                return {**written, name: value}
            held = list(written[name]) if isinstance(written[name], list) else []
            place = int(rest.rstrip("]"))
            return {**written, name: [*held[:place], value, *held[place + 1 :]]}
    raise AssertionError(f"nobody could run {command!r}")


def test_no_nat_needs_a_way_to_images() -> None:
    said = " ".join(str(error) for error in errors_of({"nat": "none", "interface_endpoints": list(ALWAYS_NEEDED)}))
    assert "ecr.api" in said
    assert "ecr.dkr" in said


@pytest.mark.parametrize(
    ("pool", "says"),
    [
        ({"instance_type": "p9.huge"}, "no instance type 'p9.huge'"),
        ({"instance_type": "g6.xlarge"}, "asks for 8 GPUs"),
        ({"instance_type": "p5.48xlarge"}, "asks for H200 GPUs"),
        ({"role": "gpus"}, "must be app, gpu, ingress"),
        ({"min": "none"}, "must be a whole number"),
        ({"name": None}, "is missing"),
        ({"colour": "red"}, "no such setting"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(pool: dict[str, Any], says: str) -> None:
    pools = values("prod")["pools"]
    changed = {key: value for key, value in {**pools[2], **pool}.items() if value is not None}
    assert says in " ".join(str(error) for error in errors_of({"pools": [*pools[:2], changed]}))


def test_gitlab_is_bound_to_one_project_and_branch() -> None:
    gitlab = {**values("prod")["gitlab"], "project_path": "platform/*", "branch": "*", "url": "http://gitlab"}
    said = " ".join(str(error) for error in errors_of({"gitlab": gitlab}))
    assert "whole path" in said
    assert "must be one branch" in said
    assert "must be https://" in said


def test_every_fault_is_told_at_once() -> None:
    wrong = {
        "cidr": "10.0.0.0/33",
        "servers": 2,
        "domain": None,
        "zones": ["mars"],
        "zonse": 1,
        "server_type": "abacus",
    }
    errors = errors_of(wrong)
    assert {error.where for error in errors} >= {
        "berth:cidr",
        "berth:servers",
        "berth:domain",
        "berth:zones[0]",
        "berth:zones[1]",
        "berth:zonse",
        "berth:server_type",
    }
    assert all("`pulumi " in str(error) for error in errors if error.where.startswith("berth:"))


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([one.name for one in fields(StackConfig)]), anything, max_size=4))
def test_whatever_is_written_is_read_or_refused_in_words(changes: dict[str, Any]) -> None:
    with suppress(ConfigError, ManyErrors):
        StackConfig.parse(values("dev", changes))


def test_every_setting_is_explained() -> None:
    for record_class in (StackConfig, GitLabConfig, PeopleConfig):
        body = ast.parse(inspect.getsource(record_class)).body[0]
        assert isinstance(body, ast.ClassDef)
        unexplained = [
            ast.unparse(one.target)
            for one, after in pairwise(body.body)
            if isinstance(one, ast.AnnAssign) and not isinstance(after, ast.Expr)
        ]
        assert unexplained == []
