"""A service that left the catalogue is reported, and goes on being served."""

import subprocess
from collections.abc import Iterator

import pytest

from nomad_jobs.keys import routes_prefix
from nomad_jobs.model import Route, Sample
from scripts.ops.clients.target import Target
from scripts.ops.deploy.run import deploy
from scripts.ops.local.doctor.overview import overview, show
from scripts.ops.local.setup.seed import seed
from scripts.ops.progress import Progress
from tests.live.test_front_door import get
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]


@pytest.fixture(autouse=True)
def _purged(target: Target) -> Iterator[None]:
    yield
    target.nomad.stop("test-orphan", purge=True)


def test_a_service_with_a_new_name_takes_its_host_over(target: Target, platform: Laptop) -> None:
    route = Route(host="test-host", sample=Sample(path="/said"))
    seed([FRONT_DOOR], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR, web("test-orphan", route=route))
    target.nomad.stop("test-orphan")
    platform.deploy(FRONT_DOOR, web("test-new", route=route), whole=True)
    assert get(target, "test-host.localhost").status_code == 200
    target.nomad.stop("test-new", purge=True)


def test_a_service_that_left_the_catalogue_keeps_its_route_and_is_reported(
    target: Target, platform: Laptop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BERTH_STATE_DIR", str(platform.state.root))
    key = f"{routes_prefix('local')}/test-orphan"
    services = [FRONT_DOOR, web("test-orphan", says="still here")]
    seed(services, target.platform, target.vault, platform.state.keys)
    platform.deploy(*services)
    deploy([FRONT_DOOR], target, platform.pins, Progress(), deadline_s=60)
    told = " ".join(capsys.readouterr().err.split())
    assert "test-orphan still runs and is not in this stack's catalogue: `" in told
    assert "nomad job stop test-orphan` stops it" in told
    assert get(target, "test-orphan.localhost").text == "still here"
    found = overview(platform.state)
    (stop,) = [one["stop"] for one in found["orphans"] if one["job"] == "test-orphan"]
    assert stop.endswith("nomad job stop test-orphan")
    show(found)
    assert "test-orphan still runs and is not in this stack's catalogue" in capsys.readouterr().out
    subprocess.run(["sh", "-c", stop], check=True, capture_output=True)  # as it is printed
    platform.deploy(FRONT_DOOR, whole=True)
    assert target.consul.key(key) is None, "a route to nothing goes"
