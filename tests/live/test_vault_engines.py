"""The laptop's Vault is a minimal build: what it lacks is a plugin, built when asked for, run by its checksum alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from infra.holdings import consul, nomad
from nomad_jobs.errors import BerthError, RefusedError
from scripts.ops.clients.api import Api
from scripts.ops.local.doctor import platform as doctor
from scripts.ops.local.doctor.findings import Mark
from scripts.ops.local.settings import ENGINES
from scripts.ops.local.setup.vault_keys import root
from tests.support.laptop import Laptop, laptop
from tests.support.postgres import postgres

pytestmark = pytest.mark.live
_MOTO_KEYS = {"access_key": "test", "secret_key": "test"}


@pytest.fixture(scope="module")
def asked() -> Iterator[Laptop]:
    """A laptop that was booted as always, and then asked for every engine."""
    with laptop() as booted:
        assert booted.vault.get("/v1/sys/plugins/catalog/secret/aws") is None, "this Vault is not the minimal one"
        booted.up(_with_all(booted))
        yield booted


@pytest.fixture(scope="module")
def vault(asked: Laptop) -> Iterator[Api]:
    with root(asked.vault, asked.state) as as_root:
        yield as_root


def _with_all(booted: Laptop) -> Any:
    return replace(booted.settings, engines=tuple(ENGINES))


def _mounted(vault: Api, engine: str, config: str, settings: dict[str, Any], role: dict[str, Any]) -> dict[str, Any]:
    """Mount an engine, configure it, and read credentials of its first role."""
    vault.post(f"/v1/sys/mounts/{engine}", json={"type": engine})
    vault.post(f"/v1/{engine}/{config}", json=settings)
    roles = "role" if engine == "nomad" else "roles"
    vault.post(f"/v1/{engine}/{roles}/one", json=role)
    answer = vault.get(f"/v1/{engine}/creds/one")
    return dict(answer["data"])


def test_the_aws_engine_makes_a_user_that_aws_knows(asked: Laptop, vault: Api) -> None:
    url = asked.settings.aws_url
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
    made = _mounted(
        vault,
        "aws",
        "config/root",
        {**_MOTO_KEYS, "region": "us-east-1", "iam_endpoint": url, "sts_endpoint": url},
        {"credential_type": "iam_user", "policy_document": policy},
    )
    iam = boto3.client(
        "iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    keys = [
        key["AccessKeyId"]
        for user in iam.list_users()["Users"]
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
    ]
    assert made["access_key"] in keys


def test_the_consul_engine_makes_a_token_that_consul_knows(asked: Laptop, vault: Api) -> None:
    settings = {
        "address": asked.settings.consul_url.removeprefix("http://"),
        "token": asked.credentials.consul,
    }
    made = _mounted(vault, "consul", "config/access", settings, {"node_identities": ["laptop:local"]})
    headers = {consul.HEADER: made["token"]}
    known = httpx.get(f"{asked.settings.consul_url}/v1/acl/token/self", headers=headers, trust_env=False).json()
    assert known["Description"].startswith("Vault one ")


def test_the_nomad_engine_makes_a_token_that_nomad_knows(asked: Laptop, vault: Api) -> None:
    settings = {"address": asked.settings.nomad_url, "token": asked.credentials.nomad}
    made = _mounted(vault, "nomad", "config/access", settings, {"type": "management"})
    headers = {nomad.HEADER: made["secret_id"]}
    known = httpx.get(f"{asked.settings.nomad_url}/v1/acl/token/self", headers=headers, trust_env=False).json()
    assert known["Type"] == "management"


def test_the_database_engine_makes_a_user_that_postgresql_lets_in(vault: Api) -> None:
    with postgres() as database:
        vault.post("/v1/sys/mounts/database", json={"type": "database"})
        connection = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{database.port}/postgres"
        config = {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": connection,
            "username": database.user,
            "password": database.password,
            "allowed_roles": ["one"],
        }
        vault.post("/v1/database/config/one", json=config)
        make = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
        vault.post("/v1/database/roles/one", json={"db_name": "one", "creation_statements": [make]})
        made = vault.get("/v1/database/creds/one")["data"]
        who = database.ask("select current_user", user=made["username"], password=made["password"])
        assert who == made["username"]
        vault.post("/v1/sys/leases/revoke-prefix/database", json={"sync": True})
        vault.delete("/v1/sys/mounts/database")
        assert "password authentication failed" in database.ask("select 1", user=who, password=made["password"])


def test_a_second_up_asks_for_nothing_and_builds_nothing(asked: Laptop) -> None:
    before = {path: path.stat().st_mtime_ns for path in asked.state.vault_plugins.iterdir()}
    asked.up(_with_all(asked))
    assert {path: path.stat().st_mtime_ns for path in asked.state.vault_plugins.iterdir()} == before
    assert len(before) == len(ENGINES)


def test_doctor_names_every_engine(asked: Laptop) -> None:
    found = {one.check: one for one in doctor.findings(asked.state, _with_all(asked))}
    assert {found[f"vault engine {name}"].mark for name in ENGINES} == {Mark.OK}


def test_a_plugin_that_somebody_changed_is_refused_by_vault_by_up_and_by_doctor(asked: Laptop, vault: Api) -> None:
    (file,) = asked.state.vault_plugins.glob("vault-plugin-secrets-nomad-*")
    _change(file)
    with pytest.raises(RefusedError, match="checksums did not match"):
        _started_again(vault)
    told = rf"^vault engine nomad: refused: {file} has SHA-256 \w+, registered is \w+ — .* remove it and run `berth up`"
    with pytest.raises(BerthError, match=told):
        asked.up(_with_all(asked))
    found = {one.check: one for one in doctor.findings(asked.state, _with_all(asked))}
    assert found["vault engine nomad"].mark is Mark.PROBLEM
    assert found["vault engine aws"].mark is Mark.OK
    file.unlink()
    asked.up(_with_all(asked))
    _started_again(vault)
    assert vault.get("/v1/nomad/creds/one")["data"]["secret_id"]


def _started_again(vault: Api) -> None:
    """Let Vault end the plugin's process, and use it."""
    vault.post("/v1/sys/plugins/reload/secret/nomad")
    vault.get("/v1/nomad/creds/one")


def _change(file: Path) -> None:
    """Change a file's bytes as an intruder would: a running plugin keeps the old file."""
    changed = file.with_suffix(".changed")
    changed.write_bytes(file.read_bytes() + b"\0")
    changed.chmod(0o700)
    changed.replace(file)
