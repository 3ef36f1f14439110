"""Opens the APIs on loopback, and closes them when their block ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.holdings import consul, nomad, vault
from scripts.ops.clients.api import Api

FIX = "run `berth up` again; `berth doctor` looks"
_HEADERS = {"Nomad": nomad.HEADER, "Consul": consul.HEADER, "Vault": vault.HEADER, "AWS": ""}


@contextmanager
def session(name: str, url: str, token: str | None = None) -> Iterator[Api]:
    """Open the API of `name` (Nomad, Consul, Vault or AWS); without a token, anonymously."""
    api = Api(name, url, headers={_HEADERS[name]: token} if token else {}, fix=FIX)
    try:
        yield api
    finally:
        api.close()
