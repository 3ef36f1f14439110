"""Users of a database that end, a database that is away, and passwords that are wrong: what an instance then has."""

import json
from dataclasses import replace
from urllib.parse import quote

import psutil
import pytest

from nomad_jobs.errors import BerthError
from nomad_jobs.model import Database, Env, database_url
from scripts.ops.clients.api import Api
from scripts.ops.local.setup.serve import give_access
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until
from tests.support.databases import ADMIN, deployed, given, next_user, orders, reader, refused, restarts
from tests.support.laptop import Laptop, quiet
from tests.support.postgres import Postgres
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("databases")]


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
    # Nomad's client tells its servers of events a moment later.
    wait_until(
        lambda: None if restarts(platform, service) else "none", where=service.name, what="a restart", deadline_s=10
    )
    assert restarts(platform, service) == 1


def test_nomads_client_that_starts_anew_leaves_variable_and_file_with_one_user_that_works(
    platform: Laptop, running: Postgres
) -> None:
    user = orders(running)
    url = Env(name="DATABASE_URL", value=database_url(user))
    service = replace(reader("test-orders", user), env=(url,), process=web("x", setup="env -0 > local/env").process)
    deployed(platform, service)
    folder, first = platform.task_folder(service.name), given(platform, service)["url"]
    psutil.Process(Supervisor(platform.state).processes()["nomad-1"].pid).kill()

    def different() -> str | None:
        found = json.loads((folder / "secrets" / "db.json").read_text())["url"]
        variables = (folder / "local" / "env").read_text().split("\0")
        return None if found != first and f"{url.name}={found}" in variables else "the first one, or two"

    wait_until(different, where=service.name, what="another user", deadline_s=90)
    found = json.loads((folder / "secrets" / "db.json").read_text())["url"]
    assert running.connected(found).startswith("berth-test-orders.orders-")


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


def await_refusal(platform: Laptop) -> None:
    """Wait until Vault has tried once more in vain to make a user."""
    before = refused(platform)
    wait_until(
        lambda: None if refused(platform) > before else "Vault refused nothing yet", where="Vault",
        what="an attempt to make another user", deadline_s=60,
    )  # fmt: skip


def test_while_the_database_is_away_the_instance_runs_on_and_then_has_a_user_that_works(
    platform: Laptop, running: Postgres
) -> None:
    service = reader("test-orders", orders(running, ttl_s=5))
    deployed(platform, service)
    with running.away():
        await_refusal(platform)  # by then the instance has what Vault had made before
        first = given(platform, service)
        await_refusal(platform)
        assert given(platform, service) == first
    second = next_user(platform, service, first)
    assert running.connected(second["url"]) == second["user"]
    assert restarts(platform, service) == 0


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


@pytest.mark.parametrize(
    "wrong", ["not the one", "p%ss@w/rd?#", "quo\"te\\'", "{{username}}xyz", "%zz-not-the-one", "ü☃ñ:@["]
)
def test_a_wrong_password_is_said_and_leaves_no_connection(
    platform: Laptop, running: Postgres, vault: Api, wrong: str
) -> None:
    other = Database(name="wrong", host="127.0.0.1", port=running.port, database="postgres", admin=ADMIN)
    service = reader("test-orders", orders(running, database=other))
    with pytest.raises(BerthError, match=r"^database wrong: Vault cannot connect: .* — see whether it runs") as caught:
        give_access([service], platform.pins, platform.state, platform.target, quiet(), ask=lambda _: wrong)
    assert not {form for form in (wrong, quote(wrong), quote(wrong, safe="")) if form in str(caught.value)}
    assert vault.get("/v1/database/config/wrong") is None
