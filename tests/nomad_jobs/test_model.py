"""A service checks itself when it is built: one line for each fault, all at once."""

import dataclasses
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import ConfigError, Exit, ManyErrors
from nomad_jobs.model import (
    Check,
    Container,
    File,
    Gpus,
    Port,
    Process,
    Route,
    Secret,
    Service,
)

KEY = Secret(name="key")


def build(**changes: Any) -> Service:
    """A good service, with `changes`."""
    values: dict[str, Any] = {
        "name": "app",
        "summary": "An app",
        "container": Container(image="app:1"),
        "process": Process(argv=("app",)),
        "ports": (Port(container=8000),),
        "checks": (Check(),),
    }
    return Service(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "my app"}, "name 'my app' must be lower-case letters, digits and dashes"),
        ({"name": "a" * 64}, "must be lower-case"),
        ({"name": "../acl"}, "name '../acl' must be"),
        ({"summary": "two\njob {}"}, "summary must be one printable line"),
        ({"container": Container(image="app latest")}, "app latest"),
        ({"process": Process(argv=("app", "e\u0301"))}, "is not in Unicode's composed form"),
        ({"ports": (Port(container=80),)}, "port http is 80, but must be 1024 to 65535"),
        ({"ports": (), "checks": ()}, "needs at least one port"),
        ({"ports": (Port(container=8000), Port(container=8001))}, "port labels http, http must differ"),
        ({"checks": (Check(port="admin"),)}, "no port is labelled 'admin'; there is http"),
        ({"checks": (Check(protocol="ftp"),)}, "check protocol 'ftp' must be"),
        ({"checks": (Check(path="health"),)}, "check path 'health' must start with /"),
        ({"route": Route(host="a b;")}, "host 'a b;' must be"),
        ({"process": Process(argv=("app",), gpus=Gpus(count=0))}, "gpus.count must be at least 1"),
        ({"container": Container(image="app:1", instances=0)}, "instances, cpu_mhz and memory_mb must be at least 1"),
        ({"files": (File(path="/etc/passwd", parts=()),)}, "must be under local/ or secrets/"),
        ({"files": (File(path="local/../../x", parts=()),)}, "must be under local/ or secrets/"),
        ({"files": (File(path="local/key", parts=(KEY["value"],)),)}, "holds a secret, so it must be under secrets/"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**changes)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == Exit.CONFIG


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ManyErrors) as caught:
        build(name="my app", ports=(Port(container=80),), checks=(Check(port="x"),))
    assert len(caught.value.errors) == 3
    assert caught.value.code == Exit.CONFIG


def test_a_secret_field_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="has no field 'password', only value"):
        KEY["password"]


def test_a_service_cannot_be_changed_after_it_was_checked() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        build().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_stopping_leaves_time_for_routing_and_for_the_longest_request(service: Service) -> None:
    if service.route is None:
        pytest.skip("nothing is routed to it")
    assert service.shutdown_delay_s > 2 + 0.5, "template wait (2 s at most) and a reload come before SIGTERM"
    assert service.kill_timeout_s > service.route.longest_request_s


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_each_service_has_a_check_a_secret_and_a_route(service: Service) -> None:
    assert service.checks
    assert service.secrets
    assert service.route
