"""What people and pipelines may do in Vault, asked of a real one: a pipeline learns no secret but sample keys."""

from typing import Any

import pytest

from infra.compute.node_files import REGISTRY_LOGIN
from infra.holdings.vault import HEADER
from infra.machine.web import Api, Refused
from vault_policies.holders import policy_name

pytestmark = pytest.mark.live
KEY = "default/llama-4-scout/hugging-face"
SAMPLE = "default/llama-4-scout/sample-key"
ROLE = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault.io"]}


@pytest.fixture(scope="module")
def seeded(vault: Api) -> Api:
    for path in (f"secret/data/{KEY}", f"secret/data/{SAMPLE}", REGISTRY_LOGIN, "secret/data/default/sample-key"):
        vault.put(path, {"data": {"value": "made up"}})
    for name in ("operator", "node", "server"):
        vault.put(f"platform/data/{name}", {"data": {"value": "made up"}})
    return vault


def log_in(vault: Api, role: str) -> Api:
    body = {"policies": [policy_name(role)], "no_default_policy": True}
    return Api(vault.url, "", HEADER, vault.put("auth/token/create", body)["auth"]["client_token"])


def is_let(api: Api, method: str, path: str, body: Any = None) -> bool:
    try:
        api.ask(method, path, body)
    except Refused as error:
        if error.status != 403:
            raise
        return False
    return True


@pytest.mark.parametrize(
    "path",
    [
        f"secret/data/{KEY}",
        f"secret/data/{KEY}?version=1",
        f"secret/data/{SAMPLE}/more",
        REGISTRY_LOGIN,
        "secret/data/default/sample-key",
        "platform/data/node",
        "platform/data/server",
    ],
)
def test_a_pipeline_reads_no_secret(seeded: Api, path: str) -> None:
    assert not is_let(log_in(seeded, "deploy"), "GET", path)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [f"secret/data/{KEY}", f"secret/data/{SAMPLE}", f"secret/metadata/{KEY}"])
def test_a_pipeline_writes_no_secret(seeded: Api, method: str, path: str) -> None:
    assert not is_let(log_in(seeded, "deploy"), method, path, {"data": {"value": "mine"}})


@pytest.mark.parametrize("verb", ["delete", "undelete", "destroy"])
def test_a_pipeline_removes_no_version(seeded: Api, verb: str) -> None:
    assert not is_let(log_in(seeded, "deploy"), "POST", f"secret/{verb}/{KEY}", {"versions": [1]})


def test_a_pipeline_sees_names_fields_and_versions_without_values(seeded: Api) -> None:
    deployer = log_in(seeded, "deploy")
    names = deployer.ask("LIST", "secret/metadata/default/llama-4-scout")["data"]["keys"]
    assert names == ["hugging-face", "sample-key"]
    assert deployer.get(f"secret/metadata/{KEY}")["data"]["current_version"] == 1
    assert deployer.get(f"secret/subkeys/{KEY}?version=1")["data"]["subkeys"] == {"value": None}


def test_a_pipeline_asks_with_sample_keys(seeded: Api) -> None:
    assert log_in(seeded, "deploy").get(f"secret/data/{SAMPLE}")["data"]["data"] == {"value": "made up"}


@pytest.mark.parametrize("role", ["deploy", "operator"])
def test_whoever_deploys_reads_services_policies_and_roles_and_writes_none(seeded: Api, role: str) -> None:
    api = log_in(seeded, role)
    rules = {"policy": "# nothing"}
    assert not is_let(api, "PUT", "sys/policies/acl/berth-chat", rules)
    assert not is_let(api, "POST", "auth/jwt-nomad/role/berth-chat", ROLE)
    for path in ("sys/policies/acl/berth-chat", "auth/jwt-nomad/role/berth-chat"):
        assert is_let(api, "GET", path)
    for path in ("sys/policies/acl/platform-deploy", "sys/policies/acl/platform-operator", "sys/policies/acl/other"):
        assert not is_let(api, "PUT", path, rules)
    assert not is_let(api, "POST", "auth/jwt-nomad/role/other", ROLE)
    assert not is_let(api, "POST", "auth/token/create", {"policies": ["platform-operator"]})


@pytest.mark.parametrize("role", ["deploy", "operator"])
def test_whoever_deploys_sees_how_vault_is_set_up(seeded: Api, role: str) -> None:
    api = log_in(seeded, role)
    for path in ("sys/audit", "sys/auth", "sys/health", "sys/mounts", "secret/config", "auth/token/lookup-self"):
        assert is_let(api, "GET", path), path


def test_people_write_read_and_mark_secrets(seeded: Api) -> None:
    api = log_in(seeded, "operator")
    path = "default/chat/key"
    assert is_let(api, "POST", f"secret/data/{path}", {"data": {"value": "made up"}})
    assert is_let(api, "POST", f"secret/metadata/{path}", {"custom_metadata": {"berth_stack": "prod"}})
    assert api.get(f"secret/data/{path}")["data"]["data"] == {"value": "made up"}
    assert api.get(f"secret/metadata/{path}")["data"]["custom_metadata"] == {"berth_stack": "prod"}
    assert api.get(f"secret/subkeys/{path}")["data"]["subkeys"] == {"value": None}
    assert is_let(api, "GET", "platform/data/node")
