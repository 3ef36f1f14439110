"""A Docker daemon that makes networks, in a network namespace where no rule and no route is anybody else's."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.ops.local.containers import network
from scripts.ops.local.settings import Containers
from tests.support.docker import Docker, docker
from tests.support.machines.namespaces import Namespace


@dataclass(frozen=True, slots=True)
class Room:
    namespace: Namespace
    docker: Docker

    def containers(self, root: Path) -> Containers:
        """Give what a platform in `root` would ask for."""
        return Containers(daemon=self.docker.host, network=network.name_of(root))


@pytest.fixture(scope="session")
def _room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    namespace = Namespace()
    with namespace.inside():
        running = docker(tmp_path_factory.mktemp("docker"), makes_networks=True)
        daemon = running.__enter__()
    try:
        yield Room(namespace, daemon)
    finally:
        with namespace.inside():
            running.__exit__(None, None, None)
        namespace.close()


@pytest.fixture
def room(_room: Room) -> Iterator[Room]:
    with _room.namespace.inside():
        yield _room


@pytest.fixture
def held(room: Room, tmp_path: Path) -> Iterator[Containers]:
    """Give a network that is there, and is removed afterwards."""
    containers = network.hold(room.containers(tmp_path), tmp_path)
    try:
        yield containers
    finally:
        network.remove(containers, "10.213.0.1:5050")
