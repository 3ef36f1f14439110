"""Images that somebody else built run as they are: behind the front door, through every change of a service's life."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from nomad_jobs.errors import BerthError, ManyErrors, single_errors
from nomad_jobs.model import Container, Env, File, Port, Service, Size, User
from scripts.ops.clients.target import Target
from scripts.ops.waiting import wait_until
from tests.live.test_front_door import get
from tests.support import public_services as services
from tests.support.public_laptop import PublicLaptop, public_laptop
from tests.support.public_life import asked, containers, drain, ended, lost, running
from tests.support.public_services import ALL, FIVE

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

ANSWERS = {
    "nginx": "Welcome to nginx!",
    "prometheus": "Prometheus Server is Ready.",
    "pushgateway": "OK",
    "shop": "shop 1 as 0",
    "caddy": "caddy",
}
LAST_WORDS = {
    "nginx": (0, "gracefully shutting down"),  # at SIGQUIT, its image's STOPSIGNAL; at SIGTERM it cuts requests
    "prometheus": (0, "Received SIGTERM, exiting gracefully"),
    "pushgateway": (0, "received SIGINT/SIGTERM; exiting gracefully"),
    "shop": (137, "Booting worker"),  # the shell passes no signal on, so it is killed when requests have ended
    "caddy": (0, "shutting down"),
    "redis": (0, "Received SIGTERM scheduling shutdown"),
    "postgres": (0, "received fast shutdown request"),  # at SIGINT, its image's STOPSIGNAL
}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicLaptop]:
    with public_laptop(tmp_path_factory.mktemp("public")) as booted:
        yield booted


@pytest.fixture(autouse=True)
def _inside(there: PublicLaptop) -> Iterator[None]:
    with there.namespace.inside():
        yield


@pytest.fixture
def target(there: PublicLaptop) -> Target:
    return there.laptop.target


@pytest.fixture
def served(there: PublicLaptop) -> PublicLaptop:
    """One container of each, and none that is still ending."""
    there.laptop.deploy(*FIVE)
    wait_until(partial(unsettled, there), where="Docker", what="one container of each", deadline_s=60)
    return there


def unsettled(there: PublicLaptop) -> str | None:
    return ", ".join(one.name for one in FIVE if len(containers(there, one.name)) != 1) or None


def answer(target: Target, name: str, path: str) -> str:
    return get(target, f"{name}.localhost", path).text


def test_each_answers_at_the_front_door_and_keeps_what_berth_took_from_it(served: PublicLaptop, target: Target) -> None:
    said = {one.name: answer(target, one.name, one.route.sample.path) for one in FIVE if one.route}
    assert {name: text for name, text in said.items() if ANSWERS[name] not in text} == {}
    for one in FIVE:
        (container,) = containers(served, one.name)
        (seen,) = json.loads(served.docker("inspect", container))
        host = seen["HostConfig"]
        assert (one.name, host["CapDrop"], sorted(name.lower() for name in host["CapAdd"] or ())) == (
            one.name,
            ["ALL"],
            [f"cap_{name}" for name in one.container.capabilities],
        )
        assert (one.name, host["ReadonlyRootfs"]) == (one.name, not one.container.is_root_writable)


def test_a_new_version_of_each_is_rolled_out_and_no_request_is_lost(served: PublicLaptop, target: Target) -> None:
    next_image = replace(services.NGINX, container=replace(services.NGINX.container, image="nginx:1.22.2"))
    others = [replace(one, env=(*one.env, Env(name="VERSION", value="2"))) for one in FIVE if one != services.NGINX]
    with asked(target) as counted:
        done = served.laptop.deploy(next_image, *others)
    assert [one.changed for one in done] == [True] * len(FIVE)
    assert lost(counted) == {}
    newest, *_ = containers(served, "nginx")  # the old one may still be ending
    assert "NGINX_VERSION=1.22.2" in served.docker("exec", newest, "env").splitlines()


def test_each_runs_again_after_a_crash_with_a_new_volume_alone(served: PublicLaptop) -> None:
    before = {one.name: containers(served, one.name) for one in FIVE}
    volumes = set(served.docker("volume", "ls", "--quiet").split())
    assert len(volumes) == 1
    served.docker("kill", *(container for found in before.values() for container in found))
    for one in FIVE:
        wait_until(partial(not_again, served, one, before[one.name]), where=one.name, what="again", deadline_s=40)
    after = set(served.docker("volume", "ls", "--quiet").split())
    assert (len(after), after & volumes) == (1, set())


def not_again(there: PublicLaptop, one: Service, before: Sequence[str]) -> str | None:
    if containers(there, one.name) in ([], before):
        return "no new container"
    assert one.route
    said = get(there.laptop.target, f"{one.name}.localhost", one.route.sample.path)
    return None if ANSWERS[one.name] in said.text else f"it answers {said.status_code}"


def test_a_node_is_drained_and_no_request_is_lost(served: PublicLaptop, target: Target) -> None:
    served.laptop.deploy(*(replace(one, size=replace(one.size, instances=2)) for one in FIVE))
    rows = target.nomad.allocations("nginx").body or ()
    busy = next(row["NodeID"] for row in rows if row["DesiredStatus"] == "run")
    with asked(target) as counted:
        drain(served, busy)
    assert lost(counted) == {}


def test_each_is_stopped_by_its_own_signal_and_leaves_nothing_behind(served: PublicLaptop, target: Target) -> None:
    served.laptop.deploy(*ALL)
    last = {one.name: running(target, one.name) for one in ALL}
    for one in ALL:
        target.nomad.stop(one.name)
    ends = {name: ended(served, allocation) for name, allocation in last.items()}
    assert {name: code for name, (code, _) in ends.items()} == {name: code for name, (code, _) in LAST_WORDS.items()}
    assert {name: said for name, (_, said) in ends.items() if LAST_WORDS[name][1] not in said} == {}
    for one in ALL:
        target.nomad.stop(one.name, purge=True)
    left = [containers(served, one.name) for one in ALL]
    assert (left, served.docker("volume", "ls", "--quiet")) == ([[]] * len(ALL), "")


def test_a_failure_names_the_field_that_helps(there: PublicLaptop) -> None:
    """The first that each lacks, with Berth's defaults alone; then the next one."""
    starts = replace(services.REDIS, container=replace(services.REDIS.container, capabilities=("chown",), user=None))
    config = ("--config.file=/local/its.yml", "--storage.tsdb.path=/prometheus")
    reads = replace(
        services.PROMETHEUS,
        container=replace(services.PROMETHEUS.container, argv=config),
        files=(File(path="local/its.yml", parts=("global: {}\n",)),),
    )
    small = replace(services.PROMETHEUS, size=Size(memory_mb=10))
    elsewhere = replace(services.SHOP, ports=(Port(container=8001),), size=Size(starts_within_s=20))
    lacking = {
        "is_root_writable=True": with_container(services.NGINX, "root"),
        "capabilities=('chown', 'setgid', 'setuid')": with_container(services.NGINX, "rights", is_root_writable=True),
        "capabilities=('net_bind_service',)": with_container(services.CADDY, "bind"),
        "becomes another user: user=User(": renamed(starts, "becomes"),
        "belong to root, and its image runs as another user: user=User(": renamed(reads, "reads"),
        "is_root_writable=True in": with_container(services.POSTGRES, "socket", user=services.POSTGRES.container.user),
        "leave user out": with_container(services.NGINX, "user", user=User(uid=33, gid=33), is_root_writable=True),
        "memory_mb": renamed(small, "small"),
        "Port(container=…)": renamed(elsewhere, "port"),
    }
    said = refused(there, *lacking.values())
    wrong = {field: str(said[one.name]) for field, one in lacking.items() if field not in fix(said[one.name])}
    for one in lacking.values():
        there.laptop.target.nomad.stop(one.name, purge=True)
    assert wrong == {}


def with_container(service: Service, name: str, **container: Any) -> Service:
    """Give `service` Berth's defaults, except for what is given."""
    return renamed(replace(service, container=Container(image=service.container.image, **container)), name)


def renamed(service: Service, name: str) -> Service:
    return replace(service, name=f"lacks-{name}", route=None)


def refused(there: PublicLaptop, *lacking: Service) -> dict[str, BerthError]:
    """Deploy services that cannot start; give what each failure says, by service."""
    with pytest.raises(ManyErrors) as caught:
        there.laptop.deploy(*lacking, deadline_s=90)
    return {error.where.split("'")[1]: error for error in single_errors(caught.value)}


def fix(error: BerthError) -> str:
    return str(error).partition(error.what)[2]
