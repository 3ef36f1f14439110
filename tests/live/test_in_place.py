"""What Nomad can change in a running instance replaces none: a model's weights are loaded once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nomad_jobs.errors import BerthError
from nomad_jobs.model import Check, Env, Gpus, Route, Sample, Service
from scripts.ops.clients.target import Target
from scripts.ops.front_door import front_doors
from scripts.ops.local.setup.seed import seed
from tests.live.test_front_door import get
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import commanded, web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

NAME = "test-placed"


@pytest.fixture(scope="module")
def placed(target: Target, platform: Laptop) -> Iterator[Service]:
    service = web(NAME)
    seed([FRONT_DOOR], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR, service)
    yield service
    target.nomad.stop(NAME, purge=True)


def instances(target: Target) -> set[str]:
    return set(target.consul.instances(NAME).values())


def sized(service: Service, count: int) -> Service:
    return replace(service, size=replace(service.size, instances=count))


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "Other words"},
        {"healthy_for_s": 2},
        {"checks": (Check(path="/said", interval_s=2),)},
        {"route": Route(host=NAME, longest_request_s=3, sample=Sample(path="/said", expect="v1"))},
        {"size": replace(web(NAME).size, starts_within_s=30)},
    ],
    ids=["wording", "update", "check", "kill_timeout", "deadline"],
)
def test_wording_and_clocks_replace_nothing(
    target: Target, platform: Laptop, placed: Service, changes: dict[str, Any]
) -> None:
    platform.deploy(placed)
    before = instances(target)
    platform.deploy(replace(placed, **changes))
    assert instances(target) == before


def test_a_wrong_check_is_tried_on_one_and_the_others_go_on_serving(
    target: Target, platform: Laptop, placed: Service
) -> None:
    platform.deploy(placed)
    before = instances(target)
    wrong = replace(placed, checks=(Check(path="/nope", interval_s=1),), size=replace(placed.size, starts_within_s=5))
    with pytest.raises(BerthError):
        platform.deploy(wrong)
    assert instances(target) == before
    assert get(target, f"{NAME}.localhost").text == "v1"


def test_scaling_keeps_the_instances_that_run(target: Target, platform: Laptop, placed: Service) -> None:
    platform.deploy(placed)
    (first,) = instances(target)
    assert [one.changed for one in platform.deploy(sized(placed, 3))] == [True]
    assert len(instances(target)) == 3
    assert first in instances(target)
    more = instances(target)
    assert [one.changed for one in platform.deploy(sized(placed, 3))] == [False]
    platform.deploy(sized(placed, 1))
    assert len(instances(target)) == 1
    assert instances(target) < more


def test_what_a_process_is_given_replaces_it(target: Target, platform: Laptop, placed: Service) -> None:
    platform.deploy(placed)
    before = instances(target)
    platform.deploy(replace(placed, env=(Env(name="MODE", value="other"),)))
    assert not instances(target) & before


def test_a_parked_service_keeps_job_and_route_and_frees_its_gpus(
    target: Target, platform: Laptop, placed: Service
) -> None:
    greedy = replace(placed, size=replace(placed.size, gpus=Gpus(count=8)))
    platform.deploy(greedy)
    platform.deploy(sized(greedy, 0))
    assert instances(target) == set()
    job = target.nomad.job(NAME)
    assert job
    assert not job["Stop"]
    (door,) = front_doors(target.nomad)
    assert door.routes[NAME].peers == frozenset()
    answer = get(target, f"{NAME}.localhost")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    other = web("test-takes-them", size=replace(web("x").size, gpus=Gpus(count=8)))
    platform.deploy(other)
    target.nomad.stop("test-takes-them", purge=True)
    assert [one.changed for one in platform.deploy(sized(greedy, 0))] == [False]
    with pytest.raises(BerthError):
        platform.deploy(commanded(greedy, "no-such-program"))
    job = target.nomad.job(NAME)
    assert job
    assert job["TaskGroups"][0]["Count"] == 0, "Nomad reverts to the parked version"
    assert instances(target) == set()
    platform.deploy(greedy)
    assert len(instances(target)) == 1


def test_a_job_of_two_instances_keeps_one_version_healthy_alone(
    target: Target, platform: Laptop, placed: Service
) -> None:
    platform.deploy(sized(placed, 2))
    platform.deploy(sized(replace(placed, size=replace(placed.size, memory_mb=100)), 2))
    rows = target.nomad.allocations(NAME).body
    versions = {row["JobVersion"] for row in rows if row["ID"] in instances(target)}
    job = target.nomad.job(NAME)
    assert job
    assert versions == {job["Version"]}
    assert set(job["Meta"]) == {"berth_stack", "berth_form"}
