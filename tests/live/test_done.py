"""A deployment is done when every front door runs its routes to its own instances; a failed one is put back."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nomad_jobs.errors import DeadlineError, DeployError
from nomad_jobs.keys import routes_prefix
from nomad_jobs.model import Check, Route, Sample, Service
from scripts.ops.clients.target import Target
from scripts.ops.deploy import run as deployment
from scripts.ops.front_door import front_doors
from scripts.ops.local.setup.seed import seed
from tests.live.test_front_door import get
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]


@pytest.fixture(scope="module")
def served(target: Target, platform: Laptop) -> Iterator[Service]:
    service = web("test-done", says="served")
    seed([FRONT_DOOR, service], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR, service)
    yield service
    target.nomad.stop(service.name, purge=True)


@pytest.fixture(autouse=True)
def _cleared(target: Target) -> Iterator[None]:
    yield
    for name in ("test-fresh", "test-ill"):
        target.nomad.stop(name, purge=True)
        target.consul.delete_key(key(target, name))


def key(target: Target, name: str) -> str:
    return f"{routes_prefix(target.platform.stack)}/{name}"


@contextmanager
def deaf(target: Target, platform: Laptop) -> Iterator[None]:
    """Make a front door ignore changes, by holding the lock that its script waits for."""
    (row,) = [row for row in target.nomad.allocations("ingress").body if row["ClientStatus"] == "running"]
    (lock,) = platform.state.root.glob(f"nomad-1/alloc/{row['ID']}/ingress/local/apply.lock")
    with Path(lock).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def test_a_deployment_is_not_done_while_a_front_door_still_sends_to_the_old_instance(
    target: Target, platform: Laptop, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_VERIFY_S", 3)
    new = web(served.name, says="served", setup=": a new version that answers the same")
    with (
        deaf(target, platform),
        pytest.raises(DeadlineError, match=r"NGINX sends to .*, but healthy are .* on nomad-1"),
    ):
        platform.deploy(new)
    platform.deploy(new)
    (door,) = front_doors(target.nomad)
    assert door.routes[served.name].peers == set(target.consul.instances(served.name))


def test_a_route_that_no_front_door_takes_up_is_put_back(
    target: Target, platform: Laptop, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_VERIFY_S", 3)
    before = target.consul.key(key(target, served.name))
    assert served.route
    longer = web(served.name, says="served", route=Route(host=served.name, sample=served.route.sample))
    fresh = web("test-fresh")
    with deaf(target, platform):
        with pytest.raises(DeadlineError, match="NGINX runs an older route on nomad-1"):
            platform.deploy(longer)
        assert target.consul.key(key(target, served.name)) == before
        with pytest.raises(DeadlineError, match="NGINX has no such route on nomad-1"):
            platform.deploy(fresh)
        assert target.consul.key(key(target, "test-fresh")) is None


def test_an_answer_that_is_not_the_expected_one_puts_the_route_back(
    target: Target, platform: Laptop, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_VERIFY_S", 3)
    before = target.consul.key(key(target, served.name))
    sample = Sample(path="/said", expect="something else")
    wrong = web(served.name, says="served", route=Route(host="test-moved", sample=sample))
    with pytest.raises(DeadlineError, match="200, but without 'something else' in it"):
        platform.deploy(wrong)
    assert target.consul.key(key(target, served.name)) == before


def test_no_route_leads_to_what_never_became_healthy(target: Target, platform: Laptop, served: Service) -> None:
    del served
    ill = web("test-ill", checks=(Check(path="/gone", interval_s=1),))
    with pytest.raises((DeadlineError, DeployError)):
        platform.deploy(ill, deadline_s=8)
    assert target.consul.key(key(target, "test-ill")) is None
    assert get(target, "test-ill.localhost").status_code == 404
