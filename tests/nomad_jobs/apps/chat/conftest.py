"""A chat page in front of engines, as a Nomad template would wire them: a key file and a peers file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.apps import App, running, running_engine


@dataclass(frozen=True, slots=True)
class Page:
    """A running chat app and the file that names its peers."""

    app: App
    peers: Path

    def know(self, *ports: int) -> None:
        """Write the peers file again, as Nomad does: a new file, which replaces the old one."""
        aside = self.peers.with_suffix(".new")
        aside.write_text(json.dumps([{"address": "127.0.0.1", "port": port} for port in ports]))
        aside.replace(self.peers)


@contextmanager
def running_page(directory: Path, *ports: int, key: str = "k-chat") -> Iterator[Page]:
    peers = directory / "peers.json"
    key_file = directory / "key.json"
    peers.write_text(json.dumps([{"address": "127.0.0.1", "port": port} for port in ports]))
    key_file.write_text(json.dumps({"key": key}))
    arguments = ("--model", "scout", "--api-key-file", key_file, "--peers", peers)
    with running("chat", *arguments) as app:
        yield Page(app, peers)


@pytest.fixture(scope="module")
def quick_page(tmp_path_factory: pytest.TempPathFactory, engine: App) -> Iterator[Page]:
    """A page in front of the shared engine that never pauses."""
    with running_page(tmp_path_factory.mktemp("chat"), engine.port, key="first-key") as found:
        yield found


@pytest.fixture
def real_time_engine(tmp_path: Path) -> Iterator[App]:
    with running_engine(tmp_path, "--shutdown-timeout", "10", keys=("k-op", "k-chat"), time_scale=1) as app:
        yield app


@pytest.fixture
def page(tmp_path: Path, real_time_engine: App) -> Iterator[Page]:
    with running_page(tmp_path, real_time_engine.port) as found:
        yield found
