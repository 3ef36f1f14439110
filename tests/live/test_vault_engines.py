"""The laptop's Vault is a minimal build: what it lacks is a plugin, built when asked for, run by its checksum alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest

from infra.holdings import consul, nomad
from nomad_jobs.errors import BerthError, RefusedError, raise_all
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.local.boot import start
from scripts.ops.local.doctor import platform as doctor
from scripts.ops.local.doctor.findings import Mark
from scripts.ops.local.settings import ENGINES, Settings
from scripts.ops.local.setup import vault_plugins
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.local.supervision import Supervisor
from tests.support.laptop import Laptop, laptop, quiet
from tests.support.postgres import postgres

pytestmark = pytest.mark.live
_MOTO_KEYS = {"access_key": "test", "secret_key": "test"}


@pytest.fixture(scope="module")
def asked() -> Iterator[Laptop]:
    """A laptop that was booted as always, and then asked for every engine."""
    with laptop() as booted:
        assert booted.vault.get("/v1/sys/plugins/catalog/secret/aws") is None, "this Vault is not the minimal one"
        _offer(booted)
        yield booted


@pytest.fixture(scope="module")
def vault(asked: Laptop) -> Iterator[Api]:
    with root(asked.vault, unseal_keys(asked.state)) as as_root:
        yield as_root


def _with_all(booted: Laptop) -> Settings:
    return replace(booted.settings, engines=tuple(ENGINES))


def _offer(booted: Laptop) -> None:
    """Do as `berth up --engine …` does."""
    start.up(booted.state, _with_all(booted), quiet())
    vault_plugins.offer(booted.state, _with_all(booted), quiet())


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
    _offer(asked)
    assert {path: path.stat().st_mtime_ns for path in asked.state.vault_plugins.iterdir()} == before
    assert len(before) == len(ENGINES)


def test_doctor_names_every_engine(asked: Laptop) -> None:
    found = {one.check: one for one in doctor.findings(asked.state, _with_all(asked))}
    assert {found[f"vault engine {name}"].mark for name in ENGINES} == {Mark.OK}


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_plugin_that_somebody_changed_is_refused_by_vault_by_up_and_by_doctor(
    asked: Laptop, vault: Api, mode: int
) -> None:
    _offer(asked)
    file = _file(asked, "nomad")
    _change(file, mode)
    with pytest.raises(RefusedError, match="checksums did not match"):
        _started_again(vault)
    told = rf"^vault engine nomad: .*{file} .*"
    with pytest.raises(BerthError, match=told):
        _offer(asked) if mode == 0o700 else raise_all(vault_plugins.faults(vault, asked.state, ENGINES))
    found = {one.check: one for one in doctor.findings(asked.state, _with_all(asked))}
    assert found["vault engine nomad"].mark is Mark.PROBLEM
    assert found["vault engine aws"].mark is Mark.OK
    file.unlink()
    _offer(asked)
    assert vault.get("/v1/nomad/creds/one")["data"]["secret_id"]


def test_a_file_that_lay_there_before_it_was_asked_for_is_not_registered(asked: Laptop, vault: Api) -> None:
    """Whoever knows the program's digest could put a file of its name there."""
    file = _file(asked, "consul")
    vault.delete("/v1/sys/plugins/catalog/secret/consul")
    _change(file, 0o700)
    with pytest.raises(
        BerthError, match=rf"^vault engine consul: refused: {file} has SHA-256 \w+, registered is \w+ — "
    ):
        _offer(asked)
    assert vault.get("/v1/sys/plugins/catalog/secret/consul") is None
    file.unlink()
    _offer(asked)


def test_a_plugin_that_was_lost_while_vault_was_down_serves_its_mount_again(asked: Laptop, vault: Api) -> None:
    """Vault skips a mount whose plugin it does not find when it starts, and never looks again by itself."""
    supervisor = Supervisor(asked.state)
    supervisor.stop("vault")
    _file(asked, "consul").unlink()
    supervisor.begin("vault")
    start.up(asked.state, asked.settings, quiet())
    assert vault.get("/v1/consul/creds/one") is None
    found = {one.check: one for one in doctor.findings(asked.state, asked.settings)}
    assert found["vault mount consul/"].mark is Mark.PROBLEM
    vault_plugins.offer(asked.state, asked.settings, quiet())  # nobody asks for it; that it is mounted is enough
    assert vault.get("/v1/consul/creds/one")["data"]["token"]


def test_plugins_of_a_vault_that_was_killed_are_ended(asked: Laptop, vault: Api) -> None:
    vault.post("/v1/sys/mounts/orphaned", json={"type": "aws"})
    _offer(asked)
    before = vault_plugins.running(asked.state)
    assert before
    psutil.Process(Supervisor(asked.state).processes()["vault"].pid).kill()
    _offer(asked)
    psutil.wait_procs(before, timeout=10)
    assert [one for one in before if one.is_running()] == []
    vault.delete("/v1/sys/mounts/orphaned")


def test_no_old_plugin_is_left_in_the_folder(asked: Laptop) -> None:
    _file(asked, "aws").unlink()
    old = asked.state.vault_plugins / "vault-plugin-secrets-aws-0123456789abcdef"
    old.write_text("of another build")
    _offer(asked)
    assert not old.exists()
    assert len(list(asked.state.vault_plugins.iterdir())) == len(ENGINES)


def test_a_link_in_place_of_the_folder_is_refused_in_plain_words(asked: Laptop, tmp_path: Path) -> None:
    folder = asked.state.vault_plugins
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    try:
        _file(asked, "aws").rename(tmp_path / "away")
        with pytest.raises(BerthError, match=rf"^{folder}: is a link, and Vault runs no plugin from behind one"):
            _offer(asked)
    finally:
        folder.unlink()
        (tmp_path / "elsewhere").rename(folder)
    _offer(asked)


def _file(asked: Laptop, engine: str) -> Path:
    (file,) = asked.state.vault_plugins.glob(f"{ENGINES[engine].program}-*")
    return file


def _started_again(vault: Api) -> None:
    """Let Vault end the plugin's process, and use it."""
    vault.post("/v1/sys/plugins/reload/secret/nomad")
    vault.get("/v1/nomad/creds/one")


def _change(file: Path, mode: int) -> None:
    """Change a file's bytes as an intruder would: a running plugin keeps the old file."""
    changed = file.with_suffix(".changed")
    changed.write_bytes(file.read_bytes() + b"\0")
    changed.chmod(mode)
    changed.replace(file)
