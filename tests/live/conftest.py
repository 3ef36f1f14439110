"""Fixtures: one real platform for each worker's live tests, and each stack made once under the real engine."""

from collections.abc import Generator, Iterator
from contextlib import nullcontext
from functools import cache

import pytest

from nomad_jobs.platform import Driver
from scripts.ops.clients.nomad import Nomad
from scripts.ops.clients.target import Target
from tests.support.container_laptop import ContainerLaptop, container_laptop
from tests.support.engine_stacks import Built, built
from tests.support.laptop import Laptop, laptop
from tests.support.machines.namespaces import Namespace
from tests.support.stacks import STACKS

_BOTH = (Driver.RAW_EXEC, pytest.param(Driver.DOCKER, marks=pytest.mark.xdist_group("containers")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked with `both_drivers` on a laptop with processes, and on one with containers."""
    if metafunc.definition.get_closest_marker("both_drivers") and "platform" in metafunc.fixturenames:
        metafunc.parametrize("platform", _BOTH, indirect=True, scope="session", ids=lambda driver: driver.value)


@cache
def namespace() -> Namespace:
    """Give this worker's namespace for containers."""
    return Namespace()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test on containers, its fixtures included, in their namespace."""
    asked = getattr(item, "callspec", None)
    is_inside = asked is not None and asked.params.get("platform") is Driver.DOCKER
    with namespace().inside() if is_inside or "with_containers" in getattr(item, "fixturenames", ()) else nullcontext():
        return (yield)


@pytest.fixture(scope="session")
def with_processes() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted


@pytest.fixture(scope="session")
def with_containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerLaptop]:
    with container_laptop(tmp_path_factory.mktemp("containers"), namespace()) as there:
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
