"""Users of a real PostgreSQL that Vault makes for instances: what they may do, how long, and what happens in faults."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nomad_jobs.model import (
    Database,
    DynamicDatabase,
    Service,
    StaticDatabase,
    database_url,
    json_file,
)
from nomad_jobs.model.formats import JsonValue
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.local.setup.serve import give_access
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.laptop import Laptop, laptop, quiet
from tests.support.postgres import Postgres, postgres
from tests.support.services import web

pytestmark = pytest.mark.live

ADMIN = "vault"
GRANTS = ("USAGE, CREATE ON SCHEMA public", "SELECT, INSERT ON orders")


@pytest.fixture(scope="module")
def running() -> Iterator[Postgres]:
    """A PostgreSQL with a table, and a user for Vault that is no superuser."""
    with postgres() as made:
        made.ask("create table orders (id int)")
        made.ask("create table salaries (id int)")
        made.ask(f"create role {ADMIN} createrole login password 'first'")
        made.ask(f"grant all on schema public to {ADMIN} with grant option")
        made.ask(f"grant select, insert on orders to {ADMIN} with grant option")
        yield made


@pytest.fixture(scope="module")
def platform() -> Iterator[Laptop]:
    with laptop() as booted:
        yield booted


@pytest.fixture(scope="module")
def vault(platform: Laptop) -> Iterator[Api]:
    with root(platform.vault, unseal_keys(platform.state)) as as_root:
        yield as_root


def orders(running: Postgres, **changes: Any) -> DynamicDatabase:
    there = Database(name="orders", host="127.0.0.1", port=running.port, database="postgres", admin=ADMIN)
    return DynamicDatabase(**{"database": there, "grants": GRANTS, "ttl_s": 60, "max_ttl_s": 3600, **changes})


def reader(name: str, user: DynamicDatabase | StaticDatabase) -> Service:
    """A service that reads its user again from a file: its URL, and both fields."""
    said: dict[str, JsonValue] = {"url": database_url(user), "user": user["username"], "password": user["password"]}
    return web(name, route=None, files=(json_file("secrets/db.json", said, is_reread=True),))


def deployed(platform: Laptop, service: Service) -> None:
    give_access([service], platform.pins, platform.state, platform.target, quiet(), ask=lambda _: "first")
    platform.deploy(service)


def given(platform: Laptop, service: Service) -> dict[str, str]:
    found: dict[str, str] = json.loads((platform.task_folder(service.name) / "secrets" / "db.json").read_text())
    return found


def test_an_instance_has_a_user_of_its_own_with_these_grants_and_no_others(platform: Laptop, running: Postgres) -> None:
    service = reader("test-orders", orders(running))
    deployed(platform, service)
    got = given(platform, service)
    assert got["user"].startswith("berth-test-orders.orders-")
    assert running.connected(got["url"]) == got["user"]
    as_user = {"user": got["user"], "password": got["password"]}
    assert running.ask("insert into orders values (1)", **as_user) == "INSERT 0 1"
    assert "permission denied for table salaries" in running.ask("select * from salaries", **as_user)
    assert "permission denied" in running.ask("delete from orders", **as_user)
