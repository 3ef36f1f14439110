"""Fixtures: one real platform for each worker's live tests, and each stack made once under the real engine."""

from collections.abc import Generator, Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.platform import Driver
from nomad_jobs.resolve import resolve
from scripts.ops.clients.nomad import Nomad
from scripts.ops.clients.target import Target
from tests.support.container_laptop import ContainerLaptop, container_laptop
from tests.support.engine_stacks import Built, built
from tests.support.laptop import Laptop, laptop
from tests.support.machines.namespaces import Namespace
from tests.support.platforms import LAPTOP
from tests.support.secrets_command import Command
from tests.support.stacks import STACKS

_BOTH = (Driver.RAW_EXEC, pytest.param(Driver.DOCKER, marks=pytest.mark.xdist_group("containers")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked with `both_drivers` on a laptop with processes, and on one with containers."""
    if metafunc.definition.get_closest_marker("both_drivers") and "platform" in metafunc.fixturenames:
        metafunc.parametrize("platform", _BOTH, indirect=True, scope="session", ids=lambda driver: driver.value)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker alone have containers: xdist has put the file's own group beside this one, which makes a third."""
    for item in items:
        name, _, group = item.nodeid.rpartition("@")
        if name and "containers" in group.split("_"):
            item._nodeid = f"{name}@containers"


@cache
def namespace() -> Namespace:
    """Give this worker's namespace for containers."""
    return Namespace()


def _is_inside(item: pytest.Item) -> bool:
    asked = getattr(item, "callspec", None)
    is_on_docker = asked is not None and asked.params.get("platform") is Driver.DOCKER
    return is_on_docker or "with_containers" in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test on containers, its fixtures included, in their namespace."""
    with namespace().inside() if _is_inside(item) else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """End what uses one platform where it is reached: pytest would do so at the next test, in the other's network."""
    done = yield
    if nextitem and _is_inside(nextitem) is not _is_inside(item):
        fixtures: Any = item
        for fixture in fixtures._fixtureinfo.name2fixturedefs.get("platform", ()):
            fixture.finish(fixtures._request)
    return done


@pytest.fixture(scope="session")
def with_processes() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted


@pytest.fixture(scope="session")
def with_containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerLaptop]:
    services = resolve(SERVICES, LAPTOP.stack, Driver.DOCKER).services
    with container_laptop(tmp_path_factory.mktemp("containers"), namespace(), services) as there:
        yield there


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Laptop:
    if getattr(request, "param", Driver.RAW_EXEC) is Driver.DOCKER:
        there: ContainerLaptop = request.getfixturevalue("with_containers")
        return there.laptop
    booted: Laptop = request.getfixturevalue("with_processes")
    return booted


@pytest.fixture(scope="session")
def target(platform: Laptop) -> Target:
    return platform.target


@pytest.fixture(scope="session")
def nomad(target: Target) -> Nomad:
    return target.nomad


@pytest.fixture(scope="session", params=STACKS)
def engine_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    with built(tmp_path_factory.mktemp(f"engine-{request.param}"), request.param) as made:
        yield made


@pytest.fixture
def berth(served: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Give `berth secrets` on the laptop that the test's own file serves."""
    return Command(served, monkeypatch, capsys)
