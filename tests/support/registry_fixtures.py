"""Fixtures: a real registry in four configurations (open, with logins, with tokens, over TLS)."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.registry import Registry, htpasswd, registry
from tests.support.registry_peers import Proxy, TokenServer, make_certificate, proxy, token_server


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("hub")) as running:
        running.push("app", "1", "one")
        running.push("public/app", "1", "one")
        yield running


@pytest.fixture
def hub_proxy(hub: Registry) -> Iterator[Proxy]:
    with proxy(hub.address) as running:
        yield running


@pytest.fixture
def private_hub(hub: Registry, tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path, storage=hub.storage, auth=htpasswd(tmp_path)) as running:
        yield running


@pytest.fixture
def hub_tokens(tmp_path: Path) -> Iterator[TokenServer]:
    with token_server(tmp_path) as running:
        yield running


@pytest.fixture
def token_hub(hub: Registry, hub_tokens: TokenServer, tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path, storage=hub.storage, auth=hub_tokens.auth) as running:
        yield running


@pytest.fixture
def tls_hub(hub: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve over TLS under a name that only this process resolves, since Berth allows loopback without TLS."""
    certificate, _ = make_certificate(tmp_path, "registry.test")
    tls = {"certificate": str(certificate), "key": str(certificate.with_suffix(".key"))}
    resolve = socket.getaddrinfo

    def loopback(host: Any, *rest: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host == "registry.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)
    monkeypatch.setenv("NO_PROXY", "registry.test")
    with registry(tmp_path, storage=hub.storage, tls=tls) as running:
        yield f"registry.test:{running.address.partition(':')[2]}"
