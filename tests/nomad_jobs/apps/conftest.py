"""An engine without pauses, shared by the tests of one worker."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.apps import App, running_engine

KEYS = ("first-key", "second-key")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_engine(tmp_path_factory.mktemp("engine"), keys=KEYS) as app:
        yield app


@pytest.fixture
def api(engine: App) -> Iterator[httpx.Client]:
    with engine.client("first-key") as client:
        yield client
