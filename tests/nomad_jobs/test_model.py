"""A service checks itself when it is built: one line for each fault, all at once."""

import dataclasses
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import ConfigError, Exit, ManyErrors
from nomad_jobs.model import (
    Check,
    Container,
    Env,
    File,
    Gpus,
    PoolKind,
    Port,
    Process,
    Route,
    Sample,
    Secret,
    Service,
    Size,
    Ulimit,
    User,
    secret_path,
)

KEY = Secret(name="key")
HALF: Any = 0.5
ODD = Secret(name="odd", fields=(" x",))


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
        ({"ports": (Port(container=0),)}, "port http is 0, but must be a whole number from 1 to 65535"),
        ({"ports": (), "checks": ()}, "needs at least one port"),
        ({"ports": (Port(container=8000), Port(container=8001))}, "port labels http, http must differ"),
        ({"checks": (Check(port="admin"),)}, "no port is labelled 'admin'; there is http"),
        ({"checks": (Check(protocol="ftp"),)}, "check protocol 'ftp' must be"),
        ({"checks": (Check(path="health"),)}, "check path 'health' must start with /"),
        ({"route": Route(host="a b;")}, "host 'a b;' must be"),
        (
            {"size": Size(gpus=Gpus(count=0))},
            "gpus.count is 0, but must be a whole number from 1 to 64",
        ),
        ({"size": Size(instances=-1)}, "instances is -1, but must be a whole number from 0"),
        ({"size": Size(cpu_mhz=0)}, "cpu_mhz is 0, but must be"),
        ({"size": Size(memory_mb=HALF)}, "memory_mb is 0.5, but must be a whole number"),
        ({"size": Size(starts_within_s=0)}, "starts_within_s is 0"),
        ({"healthy_for_s": -1}, "healthy_for_s is -1"),
        ({"checks": (Check(interval_s=0),)}, "check interval_s is 0"),
        ({"checks": (Check(timeout_s=True),)}, "check timeout_s is True"),
        ({"checks": (Check(path="/a b"),)}, "check path '/a b' must be a path as it stands in a request"),
        ({"checks": (Check(path="/${x}"),)}, "check path '/${x}' must be"),
        ({"route": Route(host="meta-llama-llama-4-scout-17b-16e-instruct" * 2)}, "host 'meta-llama"),
        ({"route": Route(host="x", max_body_mb=0)}, "max_body_mb is 0, but must be a whole number from 1 to 1024"),
        ({"route": Route(host="x", max_body_mb=HALF)}, "max_body_mb is 0.5"),
        ({"route": Route(host="x", max_body_mb=-5)}, "max_body_mb is -5"),
        ({"route": Route(host="x", max_body_mb=1025)}, "max_body_mb is 1025"),
        ({"route": Route(host="x", longest_request_s=0)}, "longest_request_s is 0"),
        ({"route": Route(host="x", paths=())}, "route paths must name what NGINX lets through"),
        ({"route": Route(host="x", paths=("v1",))}, "route path 'v1' must be plain"),
        ({"route": Route(host="x", paths=("/a//b",))}, "route path '/a//b' must be plain"),
        ({"route": Route(host="x", paths=("/../b",))}, "route path '/../b' must be plain"),
        ({"route": Route(host="x", paths=("/a b",))}, "route path '/a b' must be plain"),
        ({"route": Route(host="x", paths=("/a;",))}, "route path '/a;' must be plain"),
        ({"route": Route(host="x", paths=("/" + "a" * 300,))}, "must be plain"),
        ({"route": Route(host="x", hidden=("/a/",))}, "hidden path '/a/' must not end with /"),
        ({"route": Route(host="x", paths=("/", "/a", "/a"))}, "route paths /, /a, /a must differ"),
        ({"route": Route(host="x", hidden=tuple(f"/{n}{'a' * 190}" for n in range(20)))}, "more than 2000 letters"),
        ({"route": Route(host="x", paths=("/v1",))}, "sample path '/' is not let through by the route's paths /v1"),
        ({"route": Route(host="x", sample=Sample(path="/metrics?x"))}, "sample path '/metrics' is not let through"),
        ({"process": Process(argv=("app", "${NOMAD_PORT_htpp}"))}, "names ${NOMAD_PORT_htpp}, which Nomad does not"),
        ({"env": (Env(name="A", value="${BERTH_PORT}"),)}, "names ${BERTH_PORT}, which Nomad does not set"),
        ({"env": (Env(name="BERTH_BIND", value="::"),)}, "environment variable BERTH_BIND is set by Nomad or Berth"),
        ({"process": Process(argv=("app", "a\0b"))}, "holds a NUL byte"),
        ({"process": Process(argv=())}, "process has an empty argv, which must begin with its program"),
        ({"container": Container(image="app:1", entrypoint=("${NOMAD_PORT_web}",))}, "names ${NOMAD_PORT_web}, which"),
        ({"container": Container(image="app:1", argv=("${BERTH_GPUS}",))}, "names ${BERTH_GPUS}, which Nomad does not"),
        ({"env": (Env(name="BERTH_GPUS", value="8"),)}, "environment variable BERTH_GPUS is set by Nomad or Berth"),
        ({"container": Container(image="app:1", user=User(uid=-1, gid=0))}, "user.uid is -1, but must be a whole"),
        ({"container": Container(image="app:1", user=User(uid=1, gid=2**31))}, "user.gid is 2147483648, but must"),
        (
            {"container": Container(image="app:1", capabilities=("sys_admin",))},
            "capability 'sys_admin' is none that nodes allow; there is audit_write, chown",
        ),
        (
            {"container": Container(image="app:1", capabilities=("kill",), user=User(uid=1, gid=0))},
            "keeps capabilities, which root alone would have, but runs as user 1: leave one out",
        ),
        ({"container": Container(image="app:1", capabilities=("kill", "kill"))}, "capabilities kill, kill must differ"),
        (
            {"container": Container(image="app:1", ulimits=(Ulimit(name="as", soft=1, hard=1),))},
            "ulimit 'as' is none that Docker knows; there is core, cpu",
        ),
        (
            {"container": Container(image="app:1", ulimits=(Ulimit(name="nofile", soft=2, hard=1),))},
            "ulimit nofile has a soft limit of 2, which is above its hard one, 1",
        ),
        (
            {"container": Container(image="app:1", ulimits=(Ulimit(name="memlock", soft=-1, hard=1),))},
            "ulimit memlock has a soft limit of -1, which is above its hard one, 1",
        ),
        ({"container": Container(image="app:1", ulimits=(Ulimit(name="core", soft=-2, hard=-1),))}, "core soft is -2"),
        ({"container": Container(image="app:1", shm_mb=-1)}, "shm_mb is -1, but must be a whole number from 0"),
        ({"container": Container(image="app:1", ipc_mode="task")}, "ipc_mode 'task' must be none, private, shareable"),
        (
            {"container": Container(image="app:1", ipc_mode="host", shm_mb=1)},
            "has shm_mb, but with ipc_mode host it has no shared memory of its own",
        ),
        ({"env": (Env(name="A", value=ODD[" x"]),)}, "secret field ' x' must be letters, digits and _ . -"),
        ({"files": (File(path="secrets/x", parts=(KEY["value"],), is_template=True),)}, "it can hold text only"),
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
        build(name="my app", ports=(Port(container=0),), checks=(Check(port="x"),))
    assert len(caught.value.errors) == 3
    assert caught.value.code == Exit.CONFIG


def test_a_secret_field_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="has no field 'password', only value"):
        KEY["password"]


def test_a_service_cannot_be_changed_after_it_was_checked() -> None:
    service: Any = build()
    with pytest.raises(dataclasses.FrozenInstanceError):
        service.name = "other"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_stopping_leaves_time_for_routing_and_for_the_longest_request(service: Service) -> None:
    if service.route is None:
        pytest.skip("nothing is routed to it")
    assert service.shutdown_delay_s > 2 + 0.5, "template wait (2 s at most) and a reload come before SIGTERM"
    assert service.kill_timeout_s > service.route.longest_request_s


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_each_service_has_a_check_and_a_route(service: Service) -> None:
    assert service.checks
    assert service.route


@pytest.mark.parametrize(
    ("asked", "device", "fits"),
    [
        ("L4", "L40S", False),
        ("L4", "NVIDIA L4", True),
        ("L40", "L40S", False),
        ("A100", "NVIDIA A100-SXM4-80GB", True),
        ("A100-SXM4-80GB", "A100", True),
        ("A100-SXM4-80GB", "NVIDIA A100-SXM4-40GB", False),
        ("H100", "NVIDIA H100 80GB HBM3", True),
        ("h200", "NVIDIA H200", True),
        ("NVIDIA H200", "H200", True),
        ("H20", "NVIDIA H200", False),
        ("T4", "Tesla T4", True),
        ("B200", "", False),
        ("", "", True),
        ("", "mock", True),
    ],
)
def test_a_gpu_is_matched_by_whole_words_of_its_name(asked: str, device: str, *, fits: bool) -> None:
    assert Gpus(count=1, model=asked).fits(device) is fits


@pytest.mark.parametrize("route", [Route(host="x"), Route(host="x", paths=("/v1/a", "/v1/b/"))], ids=["all", "list"])
@pytest.mark.parametrize(
    ("path", "passes"),
    [
        ("/", (True, False)),
        ("/v1/a", (True, True)),
        ("/v1/ab", (True, False)),
        ("/v1/b", (True, False)),
        ("/v1/b/c", (True, True)),
        ("/metrics", (False, False)),
        ("/metrics/x", (False, False)),
        ("/metrics;x", (False, False)),
        ("/metricsx", (True, False)),
    ],
)
def test_a_route_knows_what_it_lets_through(route: Route, path: str, passes: tuple[bool, bool]) -> None:
    assert route.lets_through(path) is passes[route.paths != ("/",)]


def test_no_service_of_the_catalogue_shows_its_measurements_to_the_world() -> None:
    for service in SERVICES:
        assert service.route
        for path in ("/metrics", "/docs", "/openapi.json", "/admin"):
            assert not service.route.lets_through(path), service.name


def test_a_models_route_is_a_list() -> None:
    for service in SERVICES:
        if service.pool is PoolKind.GPU:
            assert service.route
            assert not any(path.endswith("/") for path in service.route.paths)
            assert not service.route.lets_through("/invocations")


def test_the_sample_requests_key_is_the_one_that_a_deployer_may_read() -> None:
    for service in SERVICES:
        if service.route and service.route.sample.bearer:
            assert secret_path(service.route.sample.bearer.secret, service) == f"{service.name}/sample-key"
