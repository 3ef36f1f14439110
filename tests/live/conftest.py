"""Fixtures: one real platform for each worker's live tests, and each stack made once under the real engine."""

from collections.abc import Iterator

import pytest

from scripts.ops.clients.nomad import Nomad
from scripts.ops.clients.target import Target
from tests.support.engine_stacks import Built, built
from tests.support.laptop import Laptop, laptop
from tests.support.stacks import STACKS


@pytest.fixture(scope="session")
def platform() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted


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
