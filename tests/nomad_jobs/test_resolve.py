"""What a stack runs of the catalogue: each override applied, the rest as it is, and what is left out said."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import BerthError, ConfigError, Exit, ManyErrors
from nomad_jobs.model import Container, Env, File, Gpus, Override, Peers, Process, Route, Secret, Service, Size
from nomad_jobs.platform import Driver
from nomad_jobs.resolve import resolve
from tests.nomad_jobs.test_model import build

NO_PROCESS = "it has no process, and containers are off"
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "instances": st.integers(0, 1000),
    "cpu_mhz": st.integers(1, 100_000),
    "memory_mb": st.integers(10, 100_000),
    "gpus": st.builds(Gpus, count=st.integers(0, 64), model=st.sampled_from(["", "H200", "L4"])),
    "starts_within_s": st.integers(1, 86_400),
    "tag": st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    "env": st.lists(st.builds(Env, name=st.sampled_from(["A", "B", "C"]), value=st.text("xyz")), max_size=3).map(tuple),
    "host": st.from_regex(r"[a-z]([a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True),
}
OVERRIDES = st.fixed_dictionaries({}, optional=CHANGES)
GPUS = Gpus(count=8, model="H200")
BASE = build(
    route=Route(host="app"),
    env=(Env(name="A", value="1"), Env(name="B", value=Secret(name="key")["value"])),
    size=Size(instances=3, cpu_mhz=500, memory_mb=256, gpus=GPUS, starts_within_s=90),
)


def with_overrides(*overrides: Override, **changes: Any) -> Service:
    return replace(BASE, overrides=overrides, **changes)


def using(name: str, *peers: str, **changes: Any) -> Service:
    return build(name=name, files=(File(path="local/peers", parts=tuple(Peers(peer) for peer in peers)),), **changes)


def with_changes(changes: dict[str, Any]) -> Service:
    """Build the service with these changes on dev; as it is where they change nothing, which is refused."""
    try:
        return with_overrides(Override(stack="dev", **changes))
    except ConfigError as refused:
        if "its override changes nothing" not in str(refused):
            raise
        return BASE


@given(OVERRIDES)
def test_a_stack_has_what_its_override_names_and_everything_else_as_it_is(changes: dict[str, Any]) -> None:
    there = with_changes(changes).on("dev")
    for name in ("instances", "cpu_mhz", "memory_mb", "starts_within_s"):
        assert getattr(there.size, name) == changes.get(name, getattr(BASE.size, name))
    gpus: Gpus = changes.get("gpus", GPUS)
    assert there.size.gpus == (gpus if gpus.count else None)
    assert there.container == replace(BASE.container, image=f"app:{changes.get('tag', '1')}")
    assert there.route == Route(host=changes.get("host", "app"))
    assert {one.name: one for one in there.env} == {one.name: one for one in (*BASE.env, *changes.get("env", ()))}
    changeable = {"size", "container", "env", "route", "overrides"}
    rest = [one.name for one in fields(Service) if one.name not in changeable]
    assert [getattr(there, name) for name in rest] == [getattr(BASE, name) for name in rest]


@given(OVERRIDES, st.sampled_from(["local", "prod", "eu"]))
def test_an_override_stays_on_its_stack(changes: dict[str, Any], other: str) -> None:
    service = with_changes(changes)
    assert service.on(other) == BASE
    assert (service.on("dev") != BASE) == bool(service.overrides)


@given(OVERRIDES)
def test_what_is_resolved_has_nothing_left_to_resolve(changes: dict[str, Any]) -> None:
    for driver in Driver:
        (there,) = resolve([with_changes(changes)], "dev", driver).services
        assert there.overrides == ()
        assert resolve([there], "dev", driver).services == (there,)


def test_a_variable_is_replaced_in_its_place_and_a_new_one_comes_last() -> None:
    override = Override(stack="dev", env=(Env(name="NEW", value="n"), Env(name="A", value="2")))
    there = with_overrides(override).on("dev")
    assert [(one.name, one.value) for one in there.env if one.name != "B"] == [("A", "2"), ("NEW", "n")]
    assert [one.name for one in there.env] == ["A", "B", "NEW"]


def test_another_container_stands_in_whole() -> None:
    simulator = Container(image="simulator:2", argv=("--fast",))
    there = with_overrides(Override(stack="dev", container=simulator)).on("dev")
    assert there.container == simulator


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ((Override(stack="dev"),), "its override changes nothing — remove it, or write what differs there"),
        ((Override(stack="dev", instances=3, tag="1"),), "its override changes nothing"),
        ((Override(stack="dev", env=(Env(name="A", value="1"),)),), "its override changes nothing"),
        ((Override(stack="dev", absent=True, tag="2"),), "is absent, so that tag can have no effect — leave one out"),
        ((Override(stack="dev", instances=1), Override(stack="dev", tag="2")), "has 2 overrides — write one"),
        ((Override(stack="dev", container=Container(image="b:1"), tag="2"),), "has a container, whose image has a tag"),
        ((Override(stack="dev", instances=-1),), "instances is -1, but must be a whole number from 0"),
        ((Override(stack="dev", gpus=Gpus(count=65)),), "gpus.count is 65, but must be a whole number from 1 to 64"),
        ((Override(stack="dev", tag="not a tag"),), "'not a tag' must be up to 128 letters"),
        ((Override(stack="dev", host="a b"),), "host 'a b' must be lower-case letters"),
        ((Override(stack="dev", env=(Env(name="BERTH_BIND", value="x"),)),), "BERTH_BIND is set by Nomad or Berth"),
    ],
)
def test_a_wrong_override_is_named_in_one_line_with_its_stack(overrides: tuple[Override, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_overrides(*overrides)
    assert says in str(caught.value)
    assert str(caught.value).startswith("service 'app' on dev: ")
    assert "\n" not in str(caught.value)
    assert caught.value.code == Exit.CONFIG


def test_a_host_without_a_route_is_refused() -> None:
    with pytest.raises(ConfigError, match="service 'app' on dev: has a host, but the service has no route"):
        build(overrides=(Override(stack="dev", host="other"),))


def test_a_program_that_is_told_of_gpus_must_have_some_everywhere() -> None:
    with pytest.raises(BerthError, match=r"service 'app' on dev: .* names \$\{BERTH_GPUS\}, which Nomad does not set"):
        with_overrides(
            Override(stack="dev", gpus=Gpus(count=0)),
            process=Process(argv=("app", "--tensor-parallel-size=${BERTH_GPUS}")),
        )


def test_the_faults_of_all_overrides_are_named_at_once() -> None:
    with pytest.raises(ManyErrors) as caught:
        with_overrides(Override(stack="dev", instances=-1, cpu_mhz=0), Override(stack="local"))
    assert [error.where for error in caught.value.errors] == ["service 'app' on dev"] * 2 + ["service 'app' on local"]


def test_an_absent_service_is_left_out_on_its_stack_alone() -> None:
    services = [build(name="one", overrides=(Override(stack="dev", absent=True),)), build(name="two")]
    here = resolve(services, "dev", Driver.DOCKER)
    assert [service.name for service in here.services] == ["two"]
    assert here.left_out == {"one": "its file says that it is absent"}
    assert resolve(services, "prod", Driver.DOCKER).left_out == {}


def test_without_containers_a_service_without_a_process_is_left_out_with_what_uses_it() -> None:
    services = [using("page", "web"), using("web", "store"), build(name="store", process=None), build(name="free")]
    here = resolve(services, "local", Driver.RAW_EXEC)
    assert [service.name for service in here.services] == ["free"]
    assert here.left_out == {
        "page": "it uses 'web', which is left out",
        "web": "it uses 'store', which is left out",
        "store": NO_PROCESS,
    }
    assert len(resolve(services, "local", Driver.DOCKER).services) == 4


@given(st.data())
def test_nothing_that_runs_waits_for_what_does_not(data: st.DataObject) -> None:
    names = ["a", "b", "c", "d", "e"]
    services = [
        using(
            name,
            *data.draw(st.lists(st.sampled_from(names), max_size=2)),
            process=data.draw(st.sampled_from(PROCESSES)),
        )
        for name in names
    ]
    here = resolve(services, "local", Driver.RAW_EXEC)
    running = {service.name for service in here.services}
    assert running | set(here.left_out) == set(names)
    assert not running & set(here.left_out)
    assert all(running.issuperset(service.uses) and service.process for service in here.services)
    for service in services:
        assert service.name in running or service.process is None or not running.issuperset(service.uses)


PROCESSES = (Process(argv=("app",)), None)


def test_every_service_of_the_catalogue_has_a_laptops_size_on_a_laptop() -> None:
    for service in resolve(SERVICES, "local", Driver.DOCKER).services:
        assert service.size.cpu_mhz <= 100, service.name
        assert service.size.memory_mb <= 128, service.name
