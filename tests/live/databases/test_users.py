"""Users of a real PostgreSQL that Vault makes for instances: what they may do, and who else has them."""

import datetime as dt
import io
import json
from dataclasses import replace

import pytest

from nomad_jobs.errors import AuthError, Exit
from nomad_jobs.model import (
    Database,
    DynamicAws,
    DynamicDatabase,
    File,
    StaticDatabase,
    TransitKey,
    aws_file,
    database_url,
    json_file,
)
from scripts import cli
from scripts.ops.access import writing
from scripts.ops.access.differences import differences
from scripts.ops.clients.api import Api
from scripts.ops.local.sessions import session
from scripts.ops.local.setup import engines
from scripts.ops.rendering import render
from scripts.ops.secrets.expiry import collect
from tests.support.databases import ADMIN, deployed, given, next_user, orders, reader, restarts
from tests.support.laptop import Laptop, quiet
from tests.support.postgres import Postgres
from tests.support.services import web
from vault_policies import holders

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("databases")]


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


def test_all_that_a_task_reads_of_its_user_is_of_one_lease(platform: Laptop, running: Postgres, vault: Api) -> None:
    user = orders(running)
    files = (
        json_file("secrets/db.json", {"url": database_url(user), "user": user["username"]}, is_reread=True),
        File(path="secrets/password", parts=(user["password"].raw,), is_reread=True),
    )
    service = web("test-agrees", route=None, files=files)
    deployed(platform, service)
    assert len(vault.get(f"/v1/sys/leases/lookup/{user.path(service.name)}/", list="true")["data"]["keys"]) == 1
    password = (platform.task_folder(service.name) / "secrets" / "password").read_text()
    got = given(platform, service)
    assert running.ask("select session_user", user=got["user"], password=password) == running.connected(got["url"])


def test_nobody_knows_the_password_of_vaults_own_user(platform: Laptop, running: Postgres, vault: Api) -> None:
    deployed(platform, reader("test-orders", orders(running)))
    assert "password authentication failed" in running.ask("select 1", user=ADMIN, password="first")
    shown = json.dumps(vault.get("/v1/database/config/orders"))
    assert "first" not in shown
    allowed = vault.get("/v1/database/config/orders")["data"]["allowed_roles"]
    assert "berth-test-orders.orders" in allowed
    assert not any("*" in one for one in allowed)


def test_the_lease_of_each_instance_is_among_what_ends_and_is_no_warning(platform: Laptop, running: Postgres) -> None:
    service = reader("test-leases", orders(running, ttl_s=600))
    deployed(platform, replace(service, size=replace(service.size, instances=2)))
    now = dt.datetime.now(dt.UTC)
    rows = collect({}, [], platform.target, [])
    (row,) = [one for one in rows if one.name == "database/creds/berth-test-leases.orders"]
    assert (row.kind, row.readers, row.note) == ("lease", ("test-leases",), "2 of them")
    assert row.begun
    assert row.ends
    assert row.begun <= now < row.ends <= row.begun + dt.timedelta(seconds=660)
    assert row.warning(now) == ""
    assert row.warning(row.ends + dt.timedelta(days=1)) == "", "its task has the next one by then"


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


def test_a_user_that_created_something_in_another_database_may_nothing_more_once_it_is_revoked(
    platform: Laptop, running: Postgres, vault: Api
) -> None:
    running.ask("create database elsewhere")
    service = reader("test-orders", orders(running))
    deployed(platform, service)
    first = given(platform, service)
    as_first = {"user": first["user"], "password": first["password"]}
    assert running.ask("select lo_create(4711)", **as_first, database="elsewhere") == "4711"
    vault.post("/v1/sys/leases/revoke-prefix/database/creds/berth-test-orders.orders", json={"sync": True})
    assert "password authentication failed" in running.ask("select 1", **as_first)
    assert first["user"] in running.ask("select rolname from pg_roles where not rolcanlogin")
    assert first["user"] not in running.ask("select relacl from pg_class where relname = 'orders'")
    assert first["user"] not in running.ask("select member::regrole from pg_auth_members")
    vault.post("/v1/sys/leases/revoke-prefix/database/creds/berth-test-orders.orders", json={"sync": True})
    running.ask("drop database elsewhere")


def test_a_user_that_was_there_has_a_password_that_vault_changes(platform: Laptop, running: Postgres) -> None:
    running.ask("create role reports login password 'known'")
    running.ask(f"grant reports to {ADMIN}")
    service = reader("test-orders", StaticDatabase(database=orders(running).database, user="reports"))
    deployed(platform, service)
    first = given(platform, service)
    assert "password authentication failed" in running.ask("select 1", user="reports", password="known")
    assert running.connected(first["url"]) == first["user"] == "reports"


def test_who_holds_access_writes_it_all_and_reads_no_credentials(
    platform: Laptop, running: Postgres, vault: Api
) -> None:
    vault.put("/v1/sys/policies/acl/platform-access", json={"policy": holders.rules("access")})
    made = vault.post("/v1/auth/token/create", json={"policies": ["platform-access"], "no_default_policy": True})
    running.ask("create role second createrole login password 'first'")
    there = Database(name="second", host="127.0.0.1", port=running.port, database="postgres", admin="second")
    user = DynamicDatabase(database=there, grants=("CONNECT ON DATABASE postgres",))
    keys = aws_file("secrets/aws", DynamicAws(buckets=("models",)), is_reread=True)
    service = replace(reader("test-all", user), transit=(TransitKey("cards"),))
    service = replace(service, files=(*service.files, keys))
    engines.provide([service], platform.state, platform.platform, quiet())
    rendered = render([service], platform.platform, platform.pins)
    target = platform.target
    with session("Vault", vault.url, made["auth"]["client_token"]) as as_access:
        writing.write(differences(rendered, target.vault, target.consul), rendered, as_access, target.consul, _first)
        assert differences(rendered, target.vault, target.consul) == ()
        for path in ("database/creds/berth-test-all.second", "aws/sts/berth-test-all.s3", "database/config/../creds/x"):
            with pytest.raises(AuthError, match="permission denied"):
                as_access.get(f"/v1/{path}")
        widened = {
            "auth/jwt-nomad/role/berth-test-all": {"role_type": "jwt", "expiration_leeway": 10**8},
            "database/roles/berth-test-all.second": {
                "db_name": "second",
                "renew_statements": ["alter role x superuser"],
            },
            "aws/roles/berth-test-all.s3": {"policy_arns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        }
        for path, said in widened.items():
            vault.post(f"/v1/{path}", json=said)
        found = differences(rendered, target.vault, target.consul)
        assert [one.name.rpartition("/")[2] for one in found] == [path.rpartition("/")[2] for path in widened]
        writing.write(found, rendered, as_access, target.consul, _first)
        assert differences(rendered, target.vault, target.consul) == ()
    vault.delete("/v1/sys/policies/acl/platform-access")


def test_apply_takes_the_password_from_stdin_and_shows_it_nowhere(
    platform: Laptop, running: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running.ask("create role third createrole login password 'only-once'")
    running.ask('create database "the third?"')  # a name that is not a URL's as it stands
    there = Database(name="third", host="127.0.0.1", port=running.port, database="the third?", admin="third")
    service = reader("test-third", DynamicDatabase(database=there, grants=("CONNECT ON DATABASE postgres",)))
    monkeypatch.setenv("BERTH_STATE_DIR", str(platform.state.root))
    monkeypatch.setattr("nomad_jobs.catalog.SERVICES", (service,))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.run(["vault", "apply", "--yes"]) == Exit.CONFIG
    assert "the password of third in the database third: is needed, and none was given" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("only-once\n"))
    assert cli.run(["vault", "apply", "--yes"]) == Exit.DONE
    shown = capsys.readouterr()
    assert "Vault database database/config/third (new)" in shown.out
    assert "only-once" not in shown.out + shown.err
    assert "password authentication failed" in running.ask("select 1", user="third", password="only-once")
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE


def _first(_: str) -> str:
    return "first"


def test_a_database_lets_in_exactly_the_roles_of_the_catalogue(platform: Laptop, running: Postgres) -> None:
    one, other = reader("test-orders", orders(running)), reader("test-other", orders(running))
    deployed(platform, one)
    deployed(platform, other)
    (found,) = differences(
        render([one], platform.platform, platform.pins), platform.target.vault, platform.target.consul
    )
    assert "berth-test-other.orders" in json.loads(found.before)["allowed_roles"]
    assert json.loads(found.after)["allowed_roles"] == ["berth-test-orders.orders"]
