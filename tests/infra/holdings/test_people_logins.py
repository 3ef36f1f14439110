"""People log in to a real Vault at a real OIDC provider: the group decides, and nothing that was stolen helps."""

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.holdings import logins
from infra.holdings.entry import hold
from infra.machine.web import Api, Refused
from tests.support.dev_vault import dev_vault, program
from tests.support.laptop import free_port
from tests.support.oidc_provider import Provider, provider
from vault_policies.holders import PEOPLE, policy_name

pytestmark = pytest.mark.live

VAULT = "https://vault.prod.berth.internal:8200"
GROUPS = {holder: f"platform/{holder}s" for holder in PEOPLE}
ROLES = {**{holder: holder for holder in PEOPLE}, "deploy": "operator"}
"""Whose group each Vault role asks for."""


@pytest.fixture(scope="module")
def port() -> int:
    """The port at which `vault login` waits for the browser."""
    with ExitStack() as held:
        return free_port(held)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("provider")) as made:
        made.register(
            logins.CALLBACK, f"http://localhost:{port}/oidc/callback", f"{VAULT}/ui/vault/auth/oidc/oidc/callback"
        )
        for holder, group in GROUPS.items():
            made.person(holder, ["platform", group])
        yield made


@pytest.fixture(scope="module")
def vault(people: Provider) -> Iterator[Api]:
    with dev_vault(people.ca_file) as made:
        for entry in logins.by_oidc(people.url, people.client_id, "groups_direct", GROUPS, VAULT):
            if entry.at == logins.OIDC_CONFIG:
                made.put(entry.make, {**entry.body, logins.HIDDEN_FIELD: people.client_secret})
            else:
                assert hold(made, entry)
            assert not hold(made, entry), f"{entry.make} is written twice"
        yield made


class Login:
    """One login as `vault login` does it, step by step."""

    def __init__(self, vault: Api, role: str, callback: str = logins.CALLBACK) -> None:
        self._vault = Api(vault.url, "")
        self.nonce = secrets.token_urlsafe(12)
        asked = {"role": role, "redirect_uri": callback, "client_nonce": self.nonce}
        self.url = str(self._vault.ask("PUT", "auth/oidc/oidc/auth_url", asked)["data"]["auth_url"])

    def end(self, sent: dict[str, str], nonce: str = "") -> dict[str, Any]:
        query = "&".join(f"{name}={value}" for name, value in {**sent, "client_nonce": nonce or self.nonce}.items())
        return dict(self._vault.get(f"auth/oidc/oidc/callback?{query}")["auth"])


def log_in(vault: Api, people: Provider, sub: str, role: str) -> dict[str, Any]:
    login = Login(vault, role)
    _, sent = people.log_in(login.url, sub)
    return login.end(sent)


def refusal(vault: Api, people: Provider, sub: str, role: str) -> str:
    """Say why somebody may not log in; empty: he may."""
    try:
        log_in(vault, people, sub, role)
    except Refused as error:
        return error.body
    return ""


@pytest.mark.parametrize("role", ROLES)
def test_each_group_has_exactly_its_holders_policy(vault: Api, people: Provider, role: str) -> None:
    made = log_in(vault, people, ROLES[role], role)
    assert made["policies"] == made["token_policies"] == [policy_name(role)]
    assert made["lease_duration"] == 3600


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("sub", PEOPLE)
def test_nobody_else_may_be_that_holder(vault: Api, people: Provider, sub: str, role: str) -> None:
    assert (refusal(vault, people, sub, role) == "") == (ROLES[role] == sub)


@pytest.mark.parametrize(
    "groups",
    [
        None,
        [],
        ["platform"],
        ["platform/operators-too"],
        ["platform/operator"],
        ["platform/operators/night-shift"],
        ["Platform/Operators"],
        ["other/platform/operators"],
        ["platform/*", "*"],
        ["platform/operators "],
    ],
    ids=str,
)
def test_no_group_or_one_of_a_similar_name_is_refused(vault: Api, people: Provider, groups: list[str] | None) -> None:
    people.person("guest", groups)
    assert [role for role in ROLES if not refusal(vault, people, "guest", role)] == []


def test_whoever_is_in_two_groups_is_one_holder_at_a_time(vault: Api, people: Provider) -> None:
    people.person("both", [GROUPS["developer"], GROUPS["auditor"]])
    for role in ("developer", "auditor"):
        assert log_in(vault, people, "both", role)["policies"] == [policy_name(role)]
    assert refusal(vault, people, "both", "operator")


def test_a_group_that_was_taken_away_is_missed_at_the_next_login(vault: Api, people: Provider) -> None:
    people.person("leaver", [GROUPS["access"]])
    assert log_in(vault, people, "leaver", "access")["policies"] == [policy_name("access")]
    people.person("leaver", [])
    assert "does not match" in refusal(vault, people, "leaver", "access")


def test_a_login_of_somebody_else_is_of_no_use(vault: Api, people: Provider) -> None:
    victim, thief = Login(vault, "operator"), Login(vault, "operator")
    _, sent = people.log_in(victim.url, "operator")
    with pytest.raises(Refused, match="invalid client_nonce"):
        Login(vault, "operator").end(sent)  # the state and the code, without what the victim's own `vault login` knows
    _, own = people.log_in(thief.url, "operator")
    with pytest.raises(Refused, match="Error exchanging oidc code"):
        thief.end({**own, "code": people.log_in(victim.url, "operator")[1]["code"]})


def test_a_state_serves_once_and_cannot_be_made_up(vault: Api, people: Provider) -> None:
    login = Login(vault, "developer")
    _, sent = people.log_in(login.url, "developer")
    assert login.end(sent)["policies"] == [policy_name("developer")]
    for again in (sent, {**sent, "state": f"st_{secrets.token_urlsafe(12)}"}):
        with pytest.raises(Refused, match="Expired or missing OAuth state"):
            login.end(again)


@pytest.mark.parametrize(
    "callback",
    [
        "https://evil.example.com/oidc/callback",
        "http://localhost:8250/other",
        "http://localhost.evil.example.com:8250/oidc/callback",
        "https://localhost:8250/oidc/callback",
        f"{VAULT}.evil.example.com/ui/vault/auth/oidc/oidc/callback",
        f"{VAULT}/ui/vault/auth/other/oidc/callback",
    ],
)
def test_a_browser_is_sent_to_no_other_place(vault: Api, callback: str) -> None:
    assert Login(vault, "operator", callback).url == ""


def test_the_places_that_are_named_are_sent_to(vault: Api, people: Provider) -> None:
    for callback in (logins.CALLBACK, f"{VAULT}/ui/vault/auth/oidc/oidc/callback"):
        login = Login(vault, "auditor", callback)
        assert people.log_in(login.url, "auditor")[0] == callback


def test_without_a_role_nobody_logs_in(vault: Api) -> None:
    with pytest.raises(Refused, match="missing role"):
        Login(vault, "")


def test_vault_shows_the_clients_secret_to_nobody(vault: Api, people: Provider) -> None:
    assert people.client_secret not in str(vault.get(logins.OIDC_CONFIG))


def test_vaults_own_command_logs_in(vault: Api, people: Provider, port: int, tmp_path: Path) -> None:
    argv = (program(), "login", "-method=oidc", "-token-only", "role=developer", "skip_browser=true", f"port={port}")
    env = {"VAULT_ADDR": vault.url, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as login:
        assert login.stderr is not None
        said = iter(login.stderr.readline, "")
        url = next(found[0] for found in (re.findall(r"https://localhost:\S+", line) for line in said) if found)
        callback, sent = people.log_in(url, "developer")
        Api(callback.removesuffix("/oidc/callback"), "").raw(
            "GET", f"/oidc/callback?code={sent['code']}&state={sent['state']}"
        )
        token = login.communicate(timeout=30)[0].strip()
    made = Api(vault.url, "", "X-Vault-Token", "root").ask("POST", "auth/token/lookup", {"token": token})["data"]
    assert made["policies"] == [policy_name("developer")]
    assert not (tmp_path / ".vault-token").exists()
