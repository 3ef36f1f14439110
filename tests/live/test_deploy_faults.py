"""A deployment that fails says why, changes no more than needed, and leaves running services serving."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import BerthError, ConfigError, DeadlineError, DeployError, Exit, RefusedError, RevertedError
from nomad_jobs.model import Check, File, Gpus, Kind, Secret, Service, Size
from scripts.ops.clients.target import Target
from scripts.ops.local.setup.seed import seed
from tests.support.jobs import task_of
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import commanded, web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("platform")]


@pytest.fixture(scope="module", autouse=True)
def _front_door_alone(target: Target, platform: Laptop) -> None:
    """Other tests of this platform may have left the whole catalogue, which takes all GPUs."""
    seed([FRONT_DOOR], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR)
    for service in SERVICES:
        if not service.is_front_door:
            target.nomad.stop(service.name, purge=True)


@pytest.fixture(autouse=True)
def _purged(target: Target, platform: Laptop) -> Iterator[None]:
    yield
    for job in platform.nomad.get("/v1/jobs") or ():
        if job["ID"].startswith("test-"):
            target.nomad.stop(job["ID"], purge=True)


def why(platform: Laptop, service: Service, kind: type[BerthError], deadline_s: float = 30) -> str:
    with pytest.raises(kind) as caught:
        platform.deploy(service, deadline_s=deadline_s)
    return str(caught.value)


def test_no_room_names_the_dimension_that_lacks(platform: Laptop) -> None:
    eight = web("test-eight")
    platform.deploy(replace(eight, size=replace(eight.size, gpus=Gpus(count=8))))
    two = web("test-two")
    said = why(platform, replace(two, size=replace(two.size, gpus=Gpus(count=2))), DeadlineError, deadline_s=5)
    assert "test-two" in said
    assert "devices" in said
    assert "exhausted on 1 node(s)" in said
    (found,) = platform.problems()
    assert found.startswith("service test-two: ")
    assert "nothing of it runs" in found


def test_memory_that_no_node_has_is_named(platform: Laptop) -> None:
    big = web("test-big")
    said = why(platform, replace(big, size=replace(big.size, memory_mb=10_000_000)), DeadlineError, deadline_s=5)
    assert "memory exhausted on 1 node(s)" in said


def test_a_failing_check_is_shown_with_its_output(platform: Laptop) -> None:
    service = web("test-check", checks=(Check(path="/gone", interval_s=1),))
    said = why(platform, service, DeadlineError, deadline_s=8)
    assert "check 'http http /gone' of test-check is critical" in said
    assert "404" in said


def test_a_task_that_exits_is_shown_with_its_last_words(platform: Laptop) -> None:
    service = web("test-exit", setup="echo no such model >&2; exit 3")
    said = why(platform, service, DeployError)
    assert "Exit Code: 3" in said
    assert "no such model" in said


def test_a_program_that_is_not_there_is_named(platform: Laptop) -> None:
    service = web("test-absent")
    said = why(platform, commanded(service, "no-such-program"), DeployError, 60)
    assert "no-such-program" in said


def test_a_missing_secret_is_named_with_its_path_before_anything_changes(target: Target, platform: Laptop) -> None:
    key = Secret(name="key", fields=("user", "password"))
    service = web("test-secret", files=(File(path="secrets/key", parts=(key["password"],)),))
    said = why(platform, service, ConfigError)
    assert "the secret secret/default/test-secret/key is missing" in said
    assert "give it a value: `berth secrets set test-secret/key local --from-json` takes" in said
    assert target.nomad.job("test-secret") is None


def test_a_bad_version_is_reverted_while_the_good_one_serves(target: Target, platform: Laptop) -> None:
    platform.deploy(web("test-revert", says="good"))
    with pytest.raises(RevertedError) as caught:
        platform.deploy(web("test-revert", says="bad", setup="echo broken >&2; exit 1"))
    assert caught.value.code == Exit.REVERTED
    assert "broken" in str(caught.value)
    address = target.consul.healthy("test-revert").body[0]["Service"]
    assert httpx.get(f"http://{address['Address']}:{address['Port']}/said", trust_env=False).text == "good"


def test_the_same_bad_version_is_tried_again_when_asked(target: Target, platform: Laptop) -> None:
    service = web("test-again", setup="exit 1")
    why(platform, service, DeployError)
    first = target.nomad.job("test-again")
    why(platform, service, DeployError)
    second = target.nomad.job("test-again")
    assert first
    assert second
    assert second["Version"] > first["Version"]


def test_a_system_job_whose_first_deployment_failed_is_left_alone_once_it_runs(
    target: Target, platform: Laptop
) -> None:
    """Nomad makes no second deployment for it: the failed one stays the newest, whatever runs."""
    late = web("test-late", kind=Kind.SYSTEM, size=Size(starts_within_s=3), setup="sleep 8")
    why(platform, late, BerthError)
    failed = target.nomad.deployment("test-late", 0, 0).body
    assert [one.changed for one in platform.deploy(late)] == [True]
    before = target.nomad.job("test-late")
    deployment = target.nomad.deployment("test-late", 0, 0).body
    assert [one.changed for one in platform.deploy(late)] == [False]
    after = target.nomad.job("test-late")
    assert before
    assert after
    assert failed["Status"] == "failed"
    # It made no second one. Every five minutes it forgets those that failed: it notes no time for their end.
    assert deployment is None or deployment["ID"] == failed["ID"]
    assert (after["Version"], after["JobModifyIndex"]) == (before["Version"], before["JobModifyIndex"])


def test_a_job_that_berth_did_not_make_is_left_alone(target: Target, platform: Laptop) -> None:
    group = {"Name": "g", "Tasks": [task_of(platform, "t", "sleep", "300")]}
    job = {"ID": "test-foreign", "Name": "test-foreign", "Datacenters": ["dc1"], "TaskGroups": [group]}
    target.nomad.register(job, modify_index=0)
    said = why(platform, web("test-foreign"), DeployError)
    assert "a job of this name that Berth did not make" in said
    live = target.nomad.job("test-foreign")
    assert live
    assert live["Version"] == 0


def test_a_job_changed_by_somebody_else_meanwhile_is_not_overwritten(target: Target, platform: Laptop) -> None:
    platform.deploy(web("test-race"))
    live = target.nomad.job("test-race")
    assert live
    with pytest.raises(RefusedError, match="job modify index"):
        target.nomad.register(live, modify_index=live["JobModifyIndex"] - 1)


def test_one_failure_does_not_stop_its_neighbours(target: Target, platform: Laptop) -> None:
    with pytest.raises(DeployError, match="test-ill"):
        platform.deploy(web("test-ill", setup="exit 1"), web("test-well"))
    assert len(target.consul.healthy("test-well").body) == 1


def test_no_answer_from_the_platform_is_said_with_the_next_command(platform: Laptop) -> None:
    moved = platform.platform.model_copy(update={"nomad_url": "http://127.0.0.1:9"})
    with (
        Target.of(moved, platform.credentials) as gone,
        pytest.raises(BerthError, match=r"does not answer.*berth doctor"),
    ):
        replace(platform, target=gone).deploy(web("test-gone"))


@pytest.mark.parametrize("which", ["nomad", "consul", "vault"])
def test_a_wrong_token_is_an_authentication_error(platform: Laptop, which: str) -> None:
    wrong = replace(platform.credentials, **{which: "wrong-00000000"})
    with Target.of(platform.platform, wrong) as target, pytest.raises(BerthError) as caught:
        replace(platform, target=target).deploy(FRONT_DOOR)
    assert caught.value.code == Exit.AUTH
    assert "wrong-00000000" not in str(caught.value)
