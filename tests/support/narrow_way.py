"""A TCP proxy before a laptop's registry that lets bytes through slowly, or with another login, or none at all."""

import json
import shutil
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from scripts.ops import docker_login
from scripts.ops.docker_login import Login
from scripts.ops.local.containers import registry
from tests.support.laptop import Laptop

_PIECE = 16_384
_FAST = 2**40
_RIGHT = Login("", "")
"""Stands for the login that the registry accepts."""


@contextmanager
def narrow_way(
    laptop: Laptop, *, bytes_per_s: int = _FAST, login: Login | None = _RIGHT, is_trusted: bool = True
) -> Iterator[Laptop]:
    """Give the laptop with its registry behind a proxy; once the block has ended, nobody is there any more.

    It has this speed, and Docker asks it with this `login` (None: without any), and trusts its certificate or not.
    """
    network = laptop.platform.container_network
    assert network
    if login is _RIGHT:
        login = registry.login(laptop.platform, laptop.target.vault)
    host, _, port = network.registry.partition(":")
    with _Proxy((host, 0), (host, int(port)), bytes_per_s) as proxy, ExitStack() as stack:
        there = f"{host}:{proxy.server_address[1]}"
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}).start()
        stack.callback(proxy.shutdown)
        stack.callback(proxy.ended.set)
        if is_trusted:
            stack.enter_context(_trusted(registry.authority(network.registry).parent, registry.authority(there).parent))
        if login:
            _give(laptop.state.docker_config, there, login)
        named = network.model_copy(update={"registry": there})
        platform = laptop.platform.model_copy(update={"container_network": named})
        yield replace(laptop, platform=platform, target=replace(laptop.target, platform=platform))


def _give(file: Path, address: str, login: Login) -> None:
    """Add a login to those that Nomad has; it stays there, for an address that nobody has any more."""
    with FileLock(f"{file}.test"):
        known = json.loads(file.read_text())
        known["auths"] |= json.loads(docker_login.dump(address, login))["auths"]
        file.write_text(json.dumps(known))


@contextmanager
def _trusted(known: Path, new: Path) -> Iterator[None]:
    shutil.copytree(known, new)
    try:
        yield
    finally:
        shutil.rmtree(new)


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, here: tuple[str, int], there: tuple[str, int], bytes_per_s: int) -> None:
        self.there, self.bytes_per_s = there, bytes_per_s
        self.ended = threading.Event()
        super().__init__(here, _Passing)


class _Passing(socketserver.BaseRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        with socket.create_connection(self.server.there) as behind:
            threading.Thread(target=self._pass, args=(self.request, behind, _FAST), daemon=True).start()
            self._pass(behind, self.request, self.server.bytes_per_s)

    def _pass(self, source: socket.socket, target: socket.socket, bytes_per_s: int) -> None:
        try:
            while piece := source.recv(_PIECE):
                target.sendall(piece)
                if self.server.ended.wait(len(piece) / bytes_per_s):
                    return
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one of the two has hung up
            return
