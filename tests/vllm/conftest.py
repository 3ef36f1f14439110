"""The real engine: only where it is asked for by name (`make test-vllm`), since it takes 6 GB and minutes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.engine import VERSIONS, Engine, Task

_HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out of a run of all tests; without an opinion where one of its paths was named."""
    named = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return None if any(path.is_relative_to(_HERE) for path in named) else True


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def task(version: str, tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The folder of a task, filled as Nomad fills it."""
    return Task(tmp_path_factory.mktemp("task"), version)


@pytest.fixture(scope="module")
def engine(task: Task) -> Iterator[Engine]:
    with task.running() as engine:
        engine.wait_until_healthy()
        yield engine
