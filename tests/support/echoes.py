"""Three services that answer with what reached them, behind the front door, and ways to ask them."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx

from scripts.ops.clients.target import Target
from scripts.ops.local.setup.seed import seed
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import echo

HOST = "test-echo.localhost"


@contextmanager
def echoes(platform: Laptop) -> Iterator[httpx.Client]:
    """Deploy them, and give a client that talks to the front door."""
    target = platform.target
    services = [
        FRONT_DOOR,
        echo("test-echo", max_body_mb=200),
        echo("test-listed", paths=("/said", "/v1/models", "/v1/files/")),
        echo("test-open-docs", paths=("/", "/docs"), max_body_mb=1),
    ]
    seed(services, target.platform, target.vault, platform.state.keys)
    platform.deploy(*services)
    base = f"http://{target.platform.entry}:{target.platform.http_port}"
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
        yield client
    for service in services[1:]:
        target.nomad.stop(service.name, purge=True)


def ask(front: httpx.Client, path: str = "/said", host: str = HOST, **headers: str) -> dict[str, Any]:
    answer = front.get(path, headers={"Host": host, **headers})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def raw(target: Target, request: str) -> str:
    """Send a request as it stands, since a client would normalise its path; give the answer."""
    with closing(socket.create_connection((target.platform.entry, target.platform.http_port), timeout=10)) as sock:
        sock.sendall(request.replace("\n", "\r\n").encode())
        return b"".join(iter(lambda: sock.recv(65536), b"")).decode()
