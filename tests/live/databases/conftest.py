"""One platform and one PostgreSQL for these tests."""

from collections.abc import Iterator

import pytest

from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.databases import ADMIN
from tests.support.laptop import Laptop, laptop
from tests.support.postgres import Postgres, postgres


@pytest.fixture(scope="session")
def running() -> Iterator[Postgres]:
    """A PostgreSQL with a table, and a user for Vault that is no superuser."""
    with postgres() as made:
        made.ask("create table orders (id int)")
        made.ask("create table salaries (id int)")
        made.ask(f"create role {ADMIN} createrole login password 'first'")
        made.ask(f"grant all on schema public to {ADMIN} with grant option")
        made.ask(f"grant select, insert on orders to {ADMIN} with grant option")
        yield made


@pytest.fixture(scope="session")
def platform() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted


@pytest.fixture(scope="session")
def vault(platform: Laptop) -> Iterator[Api]:
    with root(platform.vault, unseal_keys(platform.state)) as as_root:
        yield as_root


@pytest.fixture(autouse=True)
def _clean(platform: Laptop) -> Iterator[None]:
    yield
    for name in platform.target.nomad.jobs_of(platform.platform.stack):
        platform.target.nomad.stop(name, purge=True)
