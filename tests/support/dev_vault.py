"""A real Vault in memory, for what is asked of Vault alone."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.compute.program_files import installed
from infra.holdings.vault import HEADER
from infra.machine.system import until
from infra.machine.web import Api


def program() -> Path:
    """Find the cloud's Vault, with every engine."""
    (found,) = installed().glob("vault/*/vault")
    return found


@contextmanager
def dev_vault(trusts: Path | None = None) -> Iterator[Api]:
    """Start it, asked with its root token; `trusts` is an authority that it takes for one of the system's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = (program(), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}")
    env = {**os.environ, **({"SSL_CERT_FILE": str(trusts)} if trusts else {})}
    with subprocess.Popen((*argv, "-dev-root-token-id=root"), stdout=subprocess.DEVNULL, env=env) as server:
        try:
            made = Api(f"http://{address}", "", HEADER, "root")
            until(lambda: "" if made.get("secret/config") else "no engine", "Vault", 60)
            yield made
        finally:
            server.kill()
