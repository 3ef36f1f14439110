"""One real platform for all live tests of a worker; they share the xdist group `platform`."""

from collections.abc import Iterator

import pytest

from tests.support.laptop import Laptop, laptop


@pytest.fixture(scope="session")
def platform() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted
