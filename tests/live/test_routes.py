"""Routes are records in Consul: a bad one is left out alone, and named wherever people look."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from nginx.render import render_route
from nomad_jobs.keys import routes_prefix
from nomad_jobs.model import Service
from scripts.ops.clients.target import Target
from scripts.ops.deploy import run as deployment
from scripts.ops.front_door import FrontDoor, front_doors
from scripts.ops.local.doctor import platform as check_platform
from scripts.ops.local.doctor.findings import Mark
from scripts.ops.local.doctor.overview import overview
from scripts.ops.local.setup.seed import seed
from scripts.ops.progress import Progress
from scripts.ops.waiting import wait_until
from tests.live.test_front_door import get
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

GOOD: dict[str, Any] = {
    "version": 1,
    "host": "test-other.localhost",
    "paths": ["/"],
    "hidden": [],
    "longest_request_s": 5,
    "max_body_mb": 1,
}


@pytest.fixture(scope="module")
def served(target: Target, platform: Laptop) -> Iterator[Service]:
    service = web("test-routed", says="served")
    seed([FRONT_DOOR, service], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR, service)
    yield service
    target.nomad.stop(service.name, purge=True)


@pytest.fixture(autouse=True)
def _cleared(target: Target) -> Iterator[None]:
    yield
    for key in target.consul.keys(f"{prefix(target)}/test-"):
        if not key.endswith("/test-routed"):
            target.consul.delete_key(key)
    for job in target.nomad.jobs_of("local"):
        if job.startswith("test-") and job != "test-routed":
            target.nomad.stop(job, purge=True)


def prefix(target: Target) -> str:
    return routes_prefix(target.platform.stack)


def door(target: Target) -> FrontDoor:
    (one,) = front_doors(target.nomad)
    return one


def until_skipped(target: Target, name: str) -> str:
    found: dict[str, str] = {}

    def missing() -> str | None:
        found.update(door(target).skipped)
        return None if name in found else "it does not say so"

    wait_until(missing, where="the front door", what=f"leaving out {name}", deadline_s=20)
    return found[name]


def said(target: Target) -> str:
    return get(target, "test-routed.localhost").text


@pytest.mark.parametrize(
    "record",
    [
        "",
        "server { listen what; }",
        "null",
        "{",
        json.dumps({**GOOD, "version": 2}),
        json.dumps({**GOOD, "host": "a b"}),
        json.dumps({**GOOD, "host": "x.localhost; } server { listen 1"}),
        json.dumps({**GOOD, "host": "a" * 64 + ".localhost"}),
        json.dumps({**GOOD, "host": ".".join(["a" * 60] * 12)}),
        json.dumps({**GOOD, "paths": ["/ { return 200; } location /x"]}),
        json.dumps({**GOOD, "paths": ["x"]}),
        json.dumps({**GOOD, "longest_request_s": 0}),
        json.dumps({**GOOD, "longest_request_s": "5; return 200"}),
        json.dumps({**GOOD, "max_body_mb": 0}),
        json.dumps({**GOOD, "max_body_mb": -5}),
        json.dumps({**GOOD, "max_body_mb": 0.5}),
        json.dumps({**GOOD, "surprise": "{{ key `x` }}"}),
        json.dumps(GOOD) + "\n#berth {}",
    ],
)
@pytest.mark.usefixtures("served")
def test_a_record_that_does_not_fit_is_left_out_and_named(target: Target, record: str) -> None:
    target.consul.put_key(f"{prefix(target)}/test-broken", record)
    assert until_skipped(target, "test-broken") == "its record has not the form that this front door knows"
    assert said(target) == "served"
    assert door(target).refused == ""


@pytest.mark.usefixtures("served")
def test_three_hundred_routes_and_a_hundred_instances_are_served(target: Target, platform: Laptop) -> None:
    instances = [
        {"ID": f"many-{number}", "Service": "test-many-0", "Address": f"127.0.1.{number}", "Port": 1}
        for number in range(1, 101)
    ]
    for service in instances:
        node = {"Node": "test-many", "Address": "127.0.0.1"}
        platform.consul.put("/v1/catalog/register", json={**node, "Service": service})
    for number in range(300):
        record = {**GOOD, "host": f"test-many-{number}.localhost"}
        target.consul.put_key(f"{prefix(target)}/test-many-{number}", json.dumps(record))
    try:
        wait_until(
            lambda: None if sum(name.startswith("test-many") for name in door(target).routes) == 300 else "not all",
            where="the front door",
            what="300 routes",
            deadline_s=60,
        )
        assert len(door(target).routes["test-many-0"].peers) == 100
        assert said(target) == "served"
    finally:
        platform.consul.put("/v1/catalog/deregister", json={"Node": "test-many"})


@pytest.mark.usefixtures("served")
def test_a_value_that_is_no_text_is_left_out_and_can_be_overwritten(target: Target, platform: Laptop) -> None:
    key = f"{prefix(target)}/test-bytes"
    url = f"{platform.platform.consul_url}/v1/kv/{key}"
    httpx.put(url, content=b"\xff\xfe", headers={"X-Consul-Token": platform.credentials.consul}, trust_env=False)
    until_skipped(target, "test-bytes")
    platform.deploy(FRONT_DOOR)
    assert target.consul.key(key) is not None


@pytest.mark.usefixtures("served")
def test_a_host_that_is_taken_is_left_out_and_named(target: Target) -> None:
    target.consul.put_key(f"{prefix(target)}/test-thief", json.dumps({**GOOD, "host": "test-routed.localhost"}))
    assert until_skipped(target, "test-thief") == "test-routed.localhost is already the host of test-routed"
    assert said(target) == "served"


@pytest.mark.usefixtures("served")
def test_a_key_that_is_no_service_is_left_out(target: Target) -> None:
    for key in ("test-x;", 'test-"quoted"', "test-UPPER"):
        target.consul.put_key(f"{prefix(target)}/{key}", json.dumps(GOOD))
        until_skipped(target, key)
    assert said(target) == "served"


@pytest.mark.usefixtures("served")
def test_an_address_in_consul_that_is_none_is_left_out_and_named(target: Target, platform: Laptop) -> None:
    target.consul.put_key(f"{prefix(target)}/test-strange", json.dumps(GOOD))
    node = {"Node": "test-strange", "Address": "127.0.0.1"}
    odd = ({"Address": "127.0.0.1; } server { listen 1", "Port": 1}, {"Address": "127.0.0.1", "Port": 99_999})
    for number, one in enumerate((*odd, {"Address": "a" * 4000, "Port": 1})):
        service = {"ID": f"x{number}", "Service": "test-strange", **one}
        platform.consul.put("/v1/catalog/register", json={**node, "Service": service})
    try:
        wait_until(
            lambda: None if any("no address" in fault for fault in door(target).faults()) else "not named",
            where="the front door",
            what="leaving out the address",
            deadline_s=20,
        )
        assert door(target).routes["test-strange"].peers == frozenset()
        assert door(target).refused == ""
        assert get(target, "test-other.localhost").status_code == 503
        assert said(target) == "served"
    finally:
        platform.consul.put("/v1/catalog/deregister", json={"Node": "test-strange"})


@pytest.mark.usefixtures("served")
def test_a_front_door_with_a_fault_is_red_in_status_doctor_and_the_next_deployment(
    target: Target, platform: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    target.consul.put_key(f"{prefix(target)}/test-broken", "{")
    until_skipped(target, "test-broken")
    (shown,) = overview(platform.state)["front_doors"]
    assert shown["faults"] == [
        "leaves out the route of test-broken: its record has not the form that this front door knows"
    ]
    found = list(check_platform.findings(platform.state, platform.settings))
    assert [one.check for one in found if one.mark is Mark.PROBLEM] == [f"front door on {door(target).node}"]
    deployment._report_rest([FRONT_DOOR], target, Progress(), whole=False)
    assert "✗ the front door on nomad-1 leaves out the route of test-broken" in capsys.readouterr().err


@pytest.mark.usefixtures("served")
def test_a_fresh_front_door_starts_although_one_record_is_bad(target: Target, platform: Laptop) -> None:
    target.consul.put_key(f"{prefix(target)}/test-broken", "{")
    until_skipped(target, "test-broken")
    before = target.nomad.allocations("ingress").body
    running = [row["ID"] for row in before if row["ClientStatus"] == "running"]
    platform.nomad.put(f"/v1/client/allocation/{running[0]}/restart", json={})
    wait_until(lambda: _not_served(target), where="NGINX", what="serving again", deadline_s=30)
    until_skipped(target, "test-broken")


def _not_served(target: Target) -> str | None:
    try:
        return None if said(target) == "served" else "another answer"
    except Exception as error:
        return repr(error)


def test_a_route_that_the_service_gives_up_goes(target: Target, platform: Laptop, served: Service) -> None:
    del served
    platform.deploy(web("test-quiet"))
    assert target.consul.key(f"{prefix(target)}/test-quiet") == render_route(web("test-quiet"), target.platform)
    platform.deploy(web("test-quiet", route=None))
    assert target.consul.key(f"{prefix(target)}/test-quiet") is None
