"""Credentials that expire while `up` runs: the error says what to do, and a second `up` goes on where it stopped."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.errors import AuthError, Exit
from scripts.ops import pulumi
from tests.support.aws_provider import crud
from tests.support.aws_provider.cloud import EXPIRES_AFTER, Cloud
from tests.support.aws_provider.rows import ROWS
from tests.support.aws_provider.values import Bag
from tests.support.engine import Engine
from tests.support.engine_stacks import QUICK, aws, project, resources
from tests.support.moto_server import REGION, credentials, moto_server

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]

KILLS = (3, 120)
"""After so many changing calls the credentials expire; each run gets further in the same stack."""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with project(tmp_path, "dev", checkpoints=True) as engine:
        for name, value in engine.env().items():
            monkeypatch.setenv(name, value)
        yield engine


def test_an_expired_token_is_an_authentication_error_and_up_goes_on_after_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    held = 0
    for calls in KILLS:
        monkeypatch.setenv(EXPIRES_AFTER, str(calls))
        with pytest.raises(AuthError, match=r"ExpiredToken.*the state holds what was done.*log in again") as caught:
            pulumi.run("up", "dev", ("--yes", "--skip-preview"), root=engine.project)
        assert caught.value.code is Exit.AUTH
        state = engine.state()
        assert not state["deployment"].get("pending_operations")
        assert len(resources(state)) >= held
        held = len(resources(state))
    capfd.readouterr()
    monkeypatch.delenv(EXPIRES_AFTER)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    pulumi.run("up", "dev", ("--yes", "--skip-preview"), root=engine.project)
    assert engine.run("up", "--expect-no-changes").counts == {}
    assert there(engine) == known(engine)


def known(engine: Engine) -> dict[str, int]:
    """Count the resources of each kind in the state."""
    held = Counter(one["type"].rsplit(":", 1)[-1] for one in resources(engine.state()))
    return {kind: held[kind] for kind in ("Vpc", "Subnet", "SecurityGroup", "Bucket", "Key", "Eip", "Role")}


def there(engine: Engine) -> dict[str, int]:
    """Count the resources of each kind in the account."""
    ec2 = aws(engine, "ec2")
    own = [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]]
    mine = {"Filters": [{"Name": "vpc-id", "Values": own}]}
    return {
        "Vpc": len(own),
        "Subnet": len(ec2.describe_subnets(**mine)["Subnets"]),
        "SecurityGroup": len(ec2.describe_security_groups(**mine)["SecurityGroups"]) - len(own),  # each has its own
        "Bucket": len(aws(engine, "s3").list_buckets()["Buckets"]),
        "Key": len(aws(engine, "kms").list_keys()["Keys"]),
        "Eip": len(ec2.describe_addresses()["Addresses"]),
        "Role": len(aws(engine, "iam").list_roles()["Roles"]),
    }


@pytest.mark.parametrize(
    ("kind", "bag", "whole"),
    [
        ("aws:ec2/securityGroup:SecurityGroup", {"name": "half"}, {"egress": []}),
        ("aws:s3/bucket:Bucket", {"bucket": "half", "tags": {"made": "whole"}}, {"tags": {"made": "whole"}}),
    ],
)
def test_what_was_half_made_is_known_and_finished(
    kind: str, bag: Bag, whole: Bag, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in itself: a thing that exists and is in no state would be made twice."""
    with moto_server() as url:
        for name, value in {**credentials(url), EXPIRES_AFTER: "1"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(crud.PartlyMadeError, match="ExpiredToken") as half:
            crud.create(ROWS[kind], Cloud(REGION), bag, "seed")
        monkeypatch.delenv(EXPIRES_AFTER)
        made = crud.update(ROWS[kind], Cloud(REGION), half.value.identity, bag, bag, half.value.outputs)
    assert whole.items() <= made.items()


def test_credentials_that_expired_before_are_refused_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXPIRES_AFTER, "-1")
    with pytest.raises(AuthError, match="log in again"):
        pulumi.run("preview", "dev", root=engine.project)
    assert resources(engine.state()) == []
