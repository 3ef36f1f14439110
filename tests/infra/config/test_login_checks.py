"""Settings of who may log in: every fault is said, with the command that fixes it."""

from typing import Any

import pytest

from infra.access.people import PeopleConfig
from infra.config.stack import StackConfig
from nomad_jobs.errors import BerthError, ManyErrors
from tests.support.stacks import values
from vault_policies.holders import PEOPLE

PROVIDER = {
    "url": "https://gitlab.example.com:8443",
    "client_id": "0a1b2c3d",
    "network": "192.168.10.0/24",
    "operator": "platform/operators",
    "access": "platform/access",
}


def faults(**changes: Any) -> list[str]:
    people = {name: value for name, value in {**PROVIDER, **changes}.items() if value is not None}
    try:
        StackConfig.parse(values("prod", {"people": people}))
    except BerthError as error:
        return [str(one) for one in (error.errors if isinstance(error, ManyErrors) else (error,))]
    return []


def test_people_of_a_provider_are_read() -> None:
    people = StackConfig.parse(values("prod", {"people": PROVIDER})).people
    assert people is not None
    assert (people.groups, people.port, people.groups_claim) == (
        {"operator": "platform/operators", "access": "platform/access"},
        8443,
        "groups_direct",
    )


def test_every_kind_of_person_may_have_a_group() -> None:
    groups = {holder: f"platform/{holder}" for holder in PEOPLE}
    people = StackConfig.parse(values("prod", {"people": {**PROVIDER, **groups}})).people
    assert people is not None
    assert people.groups == groups
    assert set(PEOPLE) <= set(PeopleConfig.__dataclass_fields__)


@pytest.mark.parametrize(
    ("changes", "says", "fix"),
    [
        ({"url": "http://gitlab.example.com"}, "must be https:// and a host", "'berth:people.url' https://"),
        ({"url": "https://gitlab.example.com/"}, "must be https:// and a host", "'berth:people.url' https://"),
        ({"client_id": None}, "is missing", "'berth:people.client_id'"),
        ({"network": None}, "is missing", "'berth:people.network' 192.168.10.0/24"),
        ({"network": "0.0.0.0/0"}, "is not private", "'berth:people.network' 192.168.10.0/24"),
        ({"network": "10.21.8.0/24"}, "overlaps berth:cidr", "'berth:people.network' 192.168.10.0/24"),
        ({"operator": None, "access": None}, "nobody could log in", "'berth:people.operator' platform/operators"),
        ({"operator": "platform/*"}, "not a pattern", "'berth:people.operator' platform/operator"),
        ({"access": "platform/operators"}, "is the group of operator already", "'berth:people.access' platform/access"),
        ({"auditors": "platform/auditors"}, "did you mean berth:people.auditor?", "'berth:people.auditors'"),
    ],
    ids=str,
)
def test_a_fault_says_what_is_wrong_and_how_to_fix_it(changes: dict[str, Any], says: str, fix: str) -> None:
    (text,) = faults(**changes)
    assert says in text
    assert fix in text


def test_a_project_has_a_number() -> None:
    gitlab = values("prod")["gitlab"]
    for wrong, says in ((None, "is missing"), (0, "is no project's ID"), ("platform", "must be a whole number")):
        with pytest.raises(BerthError, match=says) as caught:
            StackConfig.parse(values("prod", {"gitlab": {**gitlab, "project_id": wrong}}))
        assert "--path 'berth:gitlab.project_id' 22" in str(caught.value)
