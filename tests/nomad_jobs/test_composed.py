"""A composed value says which text it has and which fields; what it cannot mean is refused where it is written."""

from dataclasses import replace

import pytest

from nomad_jobs.errors import ConfigError
from nomad_jobs.model import (
    Composed,
    Database,
    DynamicAws,
    DynamicDatabase,
    Env,
    File,
    OnChange,
    Secret,
    StaticDatabase,
    TransitKey,
    composed,
    database_url,
)
from tests.nomad_jobs.test_model import build

KEY = Secret(name="db", fields=("user", "password"))
ORDERS = Database(name="orders", host="db.internal", database="the orders")
DB_WITH_PORT = Database(name="orders", host="db.internal:5432", database="orders")
UNNAMED = Database(name="orders", host="db.internal", database="")
USER = DynamicDatabase(database=ORDERS, grants=("SELECT ON ALL TABLES IN SCHEMA public",))


def test_text_and_fields_stand_in_the_order_of_the_text() -> None:
    made = composed("{p}{{x}}-${NOMAD_ALLOC_ID}$ {u}/{p}", u=KEY["user"], p=KEY["password"].raw)
    user, password = KEY["user"], KEY["password"].raw
    assert made == Composed((password, "{x}-${NOMAD_ALLOC_ID}$ ", user, "/", password))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{user}:{pass}", "names 'pass', but its fields are user, password"),
        ("{user}", "has no place for password — name it in braces"),
        ("{user}{password}{", "has a single { — name a field in braces, or double a brace that is text"),
        ("{user}{password}}", "has a single }"),
        ("{user}{password}{0}", "has a single {"),
        ("{user}{password}${HOME}", "names 'HOME', but"),
    ],
)
def test_a_text_that_cannot_be_meant_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        composed(text, user=KEY["user"], password=KEY["password"])
    assert says in str(caught.value)


def test_a_url_of_a_database_verifies_its_certificate_unless_it_is_on_loopback() -> None:
    assert database_url(USER).pieces[-1] == (
        "@db.internal:5432/the%20orders?sslmode=verify-full&sslrootcert=system"
        "&application_name=${NOMAD_JOB_ID}-${NOMAD_SHORT_ALLOC_ID}"
    )
    near = StaticDatabase(database=Database(name="near", host="127.0.0.1", database="x"), user="app")
    assert "?sslmode=disable&" in str(database_url(near).pieces[-1])


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (replace(USER, grants=("SELECT ON t TO x --",)), "must be what stands between GRANT and TO"),
        (replace(USER, grants=("SELECT ON t /*",)), "must be what stands between GRANT and TO"),
        (replace(USER, grants=('"berth-shop"',)), "must be what stands between GRANT and TO"),
        (
            replace(USER, database=replace(ORDERS, host="{{password}}.evil.example")),
            "must be a name or an address alone",
        ),
        (replace(USER, database=replace(ORDERS, host="a.example/x?")), "must be a name or an address alone"),
        (replace(USER, database=replace(ORDERS, host="")), "must be a name or an address alone"),
        (replace(USER, database=replace(ORDERS, database="")), "database '' must be a name in PostgreSQL"),
        (StaticDatabase(database=ORDERS, user='u"; --'), "must be letters, digits and"),
        (StaticDatabase(database=ORDERS, user="vault"), "is Vault's own, who makes and removes all others"),
    ],
)
def test_what_would_reach_another_place_of_the_database_is_refused(
    user: DynamicDatabase | StaticDatabase, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(env=(Env(name="A", value=user["username"]),))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"files": (File(path="secrets/db", parts=(database_url(USER),)),)},
            "and its task takes up no others: set is_reread=True, a script, or on_change=OnChange.RESTART",
        ),
        (
            {"files": (File(path="secrets/db", parts=(KEY["user"],), on_change=OnChange.RESTART),)},
            "file 'secrets/db' restarts its task, but holds no credentials that end: leave on_change out",
        ),
        (
            {"files": (File(path="local/db", parts=(composed("{u}", u=KEY["user"]),)),)},
            "file 'local/db' holds a secret, so it must be under secrets/",
        ),
        (
            {"files": (File(path="secrets/a", parts=(USER["username"],), is_reread=True, mounted_at="/a"),)},
            "where its container would not see it change",
        ),
        (
            {"env": (Env(name="A", value=composed("${NOMAD_NOTHING}{u}", u=KEY["user"])),)},
            "names ${NOMAD_NOTHING}, which Nomad does not set for this service",
        ),
        (
            {"env": (Env(name="A", value=DynamicDatabase(database=ORDERS, grants=("SELECT; DROP",))["username"]),)},
            "grant 'SELECT; DROP' must be what stands between GRANT and TO, in one line",
        ),
        (
            {"env": (Env(name="A", value=DynamicDatabase(database=ORDERS, grants=())["username"]),)},
            "dynamic database orders has no grants, so that its user could do nothing",
        ),
        (
            {
                "env": (
                    Env(name="A", value=DynamicDatabase(database=ORDERS, grants=("GRANT SELECT ON x",))["username"]),
                )
            },
            "grant 'GRANT SELECT ON x' must be what stands between GRANT and TO, in one line",
        ),
        (
            {"env": (Env(name="A", value=StaticDatabase(database=DB_WITH_PORT, user="app")["username"]),)},
            "database orders: host 'db.internal:5432' must be a name or an address alone",
        ),
        (
            {"env": (Env(name="A", value=StaticDatabase(database=UNNAMED, user="app")["username"]),)},
            "database orders: database '' must be a name in PostgreSQL",
        ),
        (
            {"env": (Env(name="A", value=DynamicAws(buckets=("models",), ttl_s=7200)["access_key"]),)},
            "dynamic AWS s3: ttl_s is 7200, but must be a whole number from 900 to 3600",
        ),
        ({"env": (Env(name="A", value=DynamicAws(buckets=())["access_key"]),)}, "dynamic AWS s3 names no bucket"),
        ({"transit": (TransitKey("a.b"),)}, "transit key 'a.b' must be lower-case letters, digits and dashes"),
        (
            {"transit": (TransitKey("cards"),), "env": (Env(name="VAULT_ADDR", value="x"),)},
            "environment variable VAULT_ADDR is set by Berth for a service with transit keys",
        ),
    ],
)
def test_what_could_not_work_is_said_when_the_service_is_built(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**changes)
    assert says in str(caught.value)


def test_credentials_have_the_fields_that_vault_gives() -> None:
    with pytest.raises(ConfigError, match="credentials orders: have no field 'user', only username, password"):
        USER["user"]
