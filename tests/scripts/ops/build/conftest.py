"""Fixtures: the bot detector's image, built once by the real programs, and Docker."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.ops.build.run import Built
from tests.support.docker import Docker, docker
from tests.support.image_yard import DETECTOR, Yard

pytest_plugins = ["tests.support.registry_fixtures"]


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    folder = tmp_path_factory.mktemp("yard")
    made = Yard(folder / "cache", folder / "debian.lock")
    made.look_up(DETECTOR)
    return made


@pytest.fixture(scope="session")
def detector(yard: Yard) -> Built:
    (built,) = yard.build(DETECTOR)
    assert built.is_new
    return built


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with docker(tmp_path_factory.mktemp("docker")) as running:
        yield running


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that holds 48 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
