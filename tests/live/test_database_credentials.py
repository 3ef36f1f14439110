"""Users of a real PostgreSQL that Vault makes for instances: what they may do, how long, and what happens in faults."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nomad_jobs.errors import AuthError, BerthError
from nomad_jobs.model import (
    Database,
    DynamicDatabase,
    Env,
    Service,
    StaticDatabase,
    database_url,
    json_file,
)
from nomad_jobs.model.formats import JsonValue
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.serve import give_access
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.waiting import wait_until
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


@pytest.fixture(autouse=True)
def _clean(platform: Laptop) -> Iterator[None]:
    yield
    for name in platform.target.nomad.jobs_of(platform.platform.stack):
        platform.target.nomad.stop(name, purge=True)


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


def test_nobody_knows_the_password_of_vaults_own_user(platform: Laptop, running: Postgres, vault: Api) -> None:
    deployed(platform, reader("test-orders", orders(running)))
    assert "password authentication failed" in running.ask("select 1", user=ADMIN, password="first")
    shown = json.dumps(vault.get("/v1/database/config/orders"))
    assert "first" not in shown
    assert vault.get("/v1/database/config/orders")["data"]["allowed_roles"] == ["berth-test-orders.orders"]


def test_another_services_token_reads_neither_these_credentials_nor_the_connection(
    platform: Laptop, running: Postgres, vault: Api
) -> None:
    service, other = reader("test-orders", orders(running)), reader("test-other", orders(running))
    deployed(platform, service)
    deployed(platform, other)
    made = vault.post("/v1/auth/token/create", json={"policies": [other.vault_name], "no_default_policy": True})
    with session("Vault", vault.url, made["auth"]["client_token"]) as as_other:
        assert as_other.get("/v1/database/creds/berth-test-other.orders")["data"]["username"]
        for path in ("creds/berth-test-orders.orders", "config/orders", "roles/berth-test-other.orders"):
            with pytest.raises(AuthError, match="permission denied"):
                as_other.get(f"/v1/database/{path}")


def test_what_a_user_created_outlives_it_and_its_connections_do_not(
    platform: Laptop, running: Postgres, vault: Api
) -> None:
    service = reader("test-orders", orders(running, ttl_s=10))
    deployed(platform, service)
    first = given(platform, service)
    as_first = {"user": first["user"], "password": first["password"]}
    running.ask("create table made (id serial)", **as_first)
    with running.held(first["url"]) as connection:
        vault.post("/v1/sys/leases/revoke-prefix/database/creds/berth-test-orders.orders", json={"sync": True})
        connection.communicate("select 1;\n", timeout=20)
        assert connection.returncode != 0
    assert running.ask("select tableowner from pg_tables where tablename = 'made'") == service.vault_name
    assert first["user"] not in running.ask("select rolname from pg_roles")
    second = next_user(platform, service, first)
    as_second = {"user": second["user"], "password": second["password"]}
    assert running.ask("insert into made default values", **as_second) == "INSERT 0 1"
    assert running.ask("alter table made add more int", **as_second) == "ALTER TABLE"
    assert restarts(platform, service) == 0


def next_user(platform: Laptop, service: Service, before: dict[str, str]) -> dict[str, str]:
    """Wait until the task has another user than `before`."""

    def missing() -> str | None:
        return "still the same user" if given(platform, service)["user"] == before["user"] else None

    wait_until(missing, where=service.name, what="another user", deadline_s=90)
    return given(platform, service)


def restarts(platform: Laptop, service: Service) -> int:
    (row,) = platform.nomad.get(f"/v1/job/{service.name}/allocations")
    events = row["TaskStates"][service.name]["Events"]
    return sum(one["Type"] == "Restart Signaled" for one in events)


def test_a_longest_time_that_is_over_brings_another_user_and_no_restart(platform: Laptop, running: Postgres) -> None:
    service = reader("test-orders", orders(running, ttl_s=5, max_ttl_s=12))
    deployed(platform, service)
    first = given(platform, service)
    second = next_user(platform, service, first)
    assert running.connected(second["url"]) == second["user"]
    assert restarts(platform, service) == 0


def test_a_user_in_a_variable_restarts_the_instance_once_for_each_new_user(platform: Laptop, running: Postgres) -> None:
    url = Env(name="DATABASE_URL", value=database_url(orders(running, ttl_s=5, max_ttl_s=20)))
    service = web("test-orders", route=None, setup="env -0 > local/env", env=(url,))
    deployed(platform, service)
    file = platform.task_folder(service.name) / "local" / "env"

    def now() -> str:
        return next(one.partition("=")[2] for one in file.read_text().split("\0") if one.startswith(f"{url.name}="))

    first = now()
    file.unlink()
    wait_until(
        lambda: None if file.exists() and now() != first else "the old one", where=service.name,
        what="another user", deadline_s=90,
    )  # fmt: skip
    assert running.connected(now()).startswith("berth-test-orders.orders-")
    assert restarts(platform, service) == 1


def test_a_user_that_somebody_dropped_is_replaced_and_its_lease_ends(
    platform: Laptop, running: Postgres, vault: Api
) -> None:
    service = reader("test-orders", orders(running, ttl_s=10))
    deployed(platform, service)
    first = given(platform, service)
    running.ask(f'drop owned by "{first["user"]}"; drop role "{first["user"]}"')
    second = next_user(platform, service, first)
    assert running.connected(second["url"]) == second["user"]
    assert restarts(platform, service) == 0
    vault.post("/v1/sys/leases/revoke-prefix/database/creds/berth-test-orders.orders", json={"sync": True})


def test_while_the_database_is_away_the_instance_runs_on_and_then_has_a_user_that_works(
    platform: Laptop, running: Postgres
) -> None:
    service = reader("test-orders", orders(running, ttl_s=5, max_ttl_s=10))
    deployed(platform, service)
    with running.away():
        first = given(platform, service)
        before = refused(platform)
        wait_until(
            lambda: None if refused(platform) > before else "Vault refused nothing yet", where="Vault",
            what="an attempt to make another user", deadline_s=60,
        )  # fmt: skip
        assert given(platform, service) == first
    second = next_user(platform, service, first)
    assert running.connected(second["url"]) == second["user"]
    assert restarts(platform, service) == 0


def refused(platform: Laptop) -> int:
    """Count how often Vault, by its audit log, failed to make a user."""
    log = (platform.state.logs / "vault-audit.log").read_text().splitlines()
    found = [json.loads(line) for line in log if "database/creds/berth-test-orders.orders" in line]
    return sum(one["type"] == "response" and "error" in one for one in found)


def test_an_instance_that_finds_no_database_is_told_as_that(platform: Laptop, running: Postgres) -> None:
    service = reader("test-orders", orders(running))
    give_access([service], platform.pins, platform.state, platform.target, quiet(), ask=lambda _: "first")
    with running.away(), pytest.raises(BerthError) as caught:
        platform.deploy(service, deadline_s=20)
    assert "waits: Missing: vault.read(database/creds/berth-test-orders.orders)" in str(caught.value)
    assert "Vault makes no user in the database: see whether it runs and Vault reaches it" in str(caught.value)
    start = platform.target.consul.instances
    wait_until(
        lambda: None if start(service.name) else "no instance", where=service.name, what="a healthy instance",
        deadline_s=90,
    )  # fmt: skip
    assert running.connected(given(platform, service)["url"]) == given(platform, service)["user"]


def test_a_wrong_password_is_said_and_leaves_no_connection(platform: Laptop, running: Postgres, vault: Api) -> None:
    other = Database(name="wrong", host="127.0.0.1", port=running.port, database="postgres", admin=ADMIN)
    service = reader("test-orders", orders(running, database=other))
    with pytest.raises(BerthError, match=r"^database wrong: Vault cannot connect: .* — see whether it runs") as caught:
        give_access([service], platform.pins, platform.state, platform.target, quiet(), ask=lambda _: "not the one")
    assert "not the one" not in str(caught.value)
    assert vault.get("/v1/database/config/wrong") is None


def test_a_user_that_was_there_has_a_password_that_vault_changes(platform: Laptop, running: Postgres) -> None:
    running.ask("create role reports login password 'known'")
    running.ask(f"grant reports to {ADMIN}")
    service = reader("test-orders", StaticDatabase(database=orders(running).database, user="reports"))
    deployed(platform, service)
    first = given(platform, service)
    assert "password authentication failed" in running.ask("select 1", user="reports", password="known")
    assert running.connected(first["url"]) == first["user"] == "reports"
