"""A task encrypts and decrypts with a key of Vault's that it never sees, and no other service's token may."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.errors import AuthError
from nomad_jobs.model import Env, Secret, Service, TransitKey
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.clients.target import Target
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.laptop import Laptop
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("front-door")]

KEY = "berth-test-cards.cards"
ASKS = """
import base64, json, os, urllib.request
def vault(path, body):
    token = open(os.environ["NOMAD_SECRETS_DIR"] + "/vault_token").read()
    url = os.environ["VAULT_ADDR"] + "/v1/transit/" + path + "/berth-test-cards.cards"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"X-Vault-Token": token})
    return json.load(urllib.request.urlopen(request))["data"]
made = vault("encrypt", {"plaintext": base64.b64encode(b"4111 1111").decode()})["ciphertext"]
back = base64.b64decode(vault("decrypt", {"ciphertext": made})["plaintext"]).decode()
open("local/made", "w").write(made + "\\n" + back)
"""
CARDS = web(
    "test-cards", route=None, setup=f"python3 -c '{ASKS}'", transit=(TransitKey("cards"),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(target: Target) -> Iterator[None]:
    yield
    for name in ("test-cards", "test-other"):
        target.nomad.stop(name, purge=True)


@pytest.fixture
def vault(platform: Laptop) -> Iterator[Api]:
    with root(platform.vault, unseal_keys(platform.state)) as as_root:
        yield as_root


def made(platform: Laptop) -> tuple[str, str]:
    cipher, back = (platform.task_folder("test-cards") / "local" / "made").read_text().split("\n")
    return cipher, back


def decrypted(vault: Api, cipher: str) -> str:
    answer: dict[str, Any] = vault.post(f"/v1/transit/decrypt/{KEY}", json={"ciphertext": cipher})
    return base64.b64decode(answer["data"]["plaintext"]).decode()


def test_a_task_encrypts_and_what_it_encrypted_survives_a_new_version_of_the_key(platform: Laptop, vault: Api) -> None:
    platform.deploy(CARDS)
    cipher, back = made(platform)
    assert back == "4111 1111"
    vault.post(f"/v1/transit/keys/{KEY}/rotate")
    assert decrypted(vault, cipher) == back
    newer = vault.post(f"/v1/transit/rewrap/{KEY}", json={"ciphertext": cipher})["data"]["ciphertext"]
    assert (cipher.split(":")[1], newer.split(":")[1]) == ("v1", "v2")
    assert decrypted(vault, newer) == back


def test_a_key_leaves_vault_in_no_way(platform: Laptop, vault: Api) -> None:
    platform.deploy(CARDS)
    found = vault.get(f"/v1/transit/keys/{KEY}")["data"]
    names = ("exportable", "allow_plaintext_backup", "deletion_allowed")
    assert {name: found[name] for name in names} == dict.fromkeys(names, False)


def test_only_who_has_a_key_sees_a_token_and_only_his_own_key_works(
    platform: Laptop, target: Target, vault: Api
) -> None:
    platform.deploy(CARDS)
    other = web("test-other", route=None, env=(Env(name="A", value=Secret(name="a")["value"]),))
    target.vault.put_secret("default/test-other/a", {"value": "x"}, after_version=0)
    platform.deploy(other)
    assert token_file(platform, CARDS).exists()
    assert not token_file(platform, other).exists()
    cipher, _ = made(platform)
    body = {"policies": [other.vault_name], "no_default_policy": True}
    token = vault.post("/v1/auth/token/create", json=body)["auth"]["client_token"]
    with session("Vault", vault.url, token) as as_other:
        for verb, what in (("decrypt", {"ciphertext": cipher}), ("encrypt", {"plaintext": "eA=="})):
            with pytest.raises(AuthError, match="permission denied"):
                as_other.post(f"/v1/transit/{verb}/{KEY}", json=what)
    platform.vault.delete("/v1/secret/metadata/default/test-other/a")
    with session("Vault", vault.url, token_file(platform, CARDS).read_text()) as as_cards:
        for path in (f"keys/{KEY}/rotate", f"keys/{KEY}/config", "encrypt/berth-test-other.cards"):
            with pytest.raises(AuthError, match="permission denied"):
                as_cards.post(f"/v1/transit/{path}", json={"plaintext": "eA=="})


def token_file(platform: Laptop, service: Service) -> Path:
    return platform.task_folder(service.name) / "secrets" / "vault_token"
