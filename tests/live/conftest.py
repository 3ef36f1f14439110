"""One real platform for all live tests of a worker; they share the xdist group `platform`."""

from collections.abc import Iterator

import pytest

from scripts.ops.deploy.run import Target
from scripts.ops.nomad import Nomad
from tests.support.laptop import Laptop, laptop


@pytest.fixture(scope="session")
def platform() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted


@pytest.fixture(scope="session")
def target(platform: Laptop) -> Iterator[Target]:
    with Target.of(platform.platform, platform.credentials) as target:
        yield target


@pytest.fixture(scope="session")
def nomad(target: Target) -> Nomad:
    return target.nomad
