"""What `berth vault plan` finds of logins, and `apply` writes, on a real Vault with a real provider."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from infra.holdings import logins as holdings
from nomad_jobs.errors import BerthError, RefusedError
from nomad_jobs.logins import Logins, PeopleLogins, PipelineLogins
from nomad_jobs.platform import Platform
from scripts.ops.access import logins
from scripts.ops.access.gitlab_keys import published
from scripts.ops.access.logins import LoginChanges
from scripts.ops.clients.api import Api
from scripts.ops.local.sessions import session
from scripts.ops.questions import hidden
from tests.support.dev_vault import dev_vault
from tests.support.issuer import Issuer, issuer
from tests.support.oidc_provider import Provider, provider
from tests.support.platforms import CLOUD

pytestmark = pytest.mark.live

ARNS = {name: f"arn:aws:iam::123456789012:role/berth-prod-{name}" for name in ("operator", "developer", "access")}
GROUPS = {"operator": "platform/operators", "developer": "platform/developers"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("provider")) as made:
        made.register(holdings.CALLBACK)
        yield made


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    with issuer(tmp_path) as made:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.ca_file))
        yield made


@pytest.fixture
def vault(people: Provider) -> Iterator[Api]:
    with dev_vault(people.ca_file) as made, session("Vault", made.url, "root") as api:
        yield api


@pytest.fixture
def stack(people: Provider, gitlab: Issuer) -> Platform:
    """A stack with all three ways to log in."""
    return named(
        Logins(
            iam_roles=ARNS,
            people=PeopleLogins(
                issuer=people.url, client_id=people.client_id, groups_claim="groups_direct", groups=GROUPS
            ),
            pipelines=PipelineLogins(issuer=gitlab.url, project_id=22, branch="main", environment="prod"),
        )
    )


def named(logins: Logins) -> Platform:
    return CLOUD.model_copy(update={"logins": logins})


def changed(stack: Platform, **settings: object) -> Platform:
    return named(stack.logins.model_copy(update=settings))


def regrouped(stack: Platform, **groups: str) -> Platform:
    assert stack.logins.people is not None
    return changed(stack, people=stack.logins.people.model_copy(update={"groups": groups}))


def titles(found: LoginChanges) -> list[str]:
    return [one.title for one in found.shown]


def apply(vault: Api, stack: Platform, keys: list[str], client_secret: str) -> LoginChanges:
    found = logins.changes(vault, stack, keys)
    logins.write(vault, found, client_secret)
    return found


def test_what_differs_is_shown_written_and_then_differs_no_more(
    vault: Api, stack: Platform, people: Provider, gitlab: Issuer
) -> None:
    keys = published(gitlab.url)
    found = apply(vault, stack, keys, people.client_secret)
    assert found.needs_client_secret
    assert {title.removeprefix("Vault login ") for title in titles(found)} >= {
        "auth/aws/role/deploy (new)",
        "auth/aws/role/operator (new)",
        "auth/oidc/config (new)",
        "auth/oidc/role/developer (new)",
        "auth/jwt-gitlab/role/rotate (new)",
        "auth/jwt-gitlab/config (new)",
    }
    assert logins.changes(vault, stack, keys) == LoginChanges()


def test_who_is_no_longer_named_may_no_longer_log_in(
    vault: Api, stack: Platform, people: Provider, gitlab: Issuer
) -> None:
    keys = published(gitlab.url)
    apply(vault, stack, keys, people.client_secret)
    fewer = regrouped(stack, operator="platform/on-call")
    assert set(titles(apply(vault, fewer, keys, ""))) == {
        "Vault login auth/oidc/role/operator (changed)",
        "Vault login auth/oidc/role/deploy (changed)",
        "Vault login auth/oidc/role/developer (no longer named: removed)",
    }
    none = changed(stack, people=None, pipelines=None, iam_roles={"operator": ARNS["operator"]})
    assert set(apply(vault, none, [], "").removed) == {
        "sys/auth/oidc",
        "sys/auth/jwt-gitlab",
        "auth/aws/role/developer",
        "auth/aws/role/access",
    }
    assert logins.changes(vault, none, []) == LoginChanges()
    assert set(vault.get("/v1/sys/auth")["data"]) == {"aws/", "token/"}


def test_a_role_that_somebody_widened_is_shown_field_by_field(
    vault: Api, stack: Platform, people: Provider, gitlab: Issuer
) -> None:
    keys = published(gitlab.url)
    apply(vault, stack, keys, people.client_secret)
    role = vault.get("/v1/auth/jwt-gitlab/role/deploy")["data"]
    vault.post("/v1/auth/jwt-gitlab/role/deploy", json={**role, "bound_claims": {"project_id": "22"}})
    (found,) = logins.changes(vault, stack, keys).shown
    assert found.title == "Vault login auth/jwt-gitlab/role/deploy (changed)"
    assert '+    "ref_protected": "true",' in list(found.lines())


@pytest.mark.parametrize(
    ("path", "widened"),
    [
        ("auth/oidc/role/operator", {"token_period": 3600}),
        ("auth/aws/role/operator", {"token_period": 3600}),
        (
            "auth/jwt-gitlab/role/deploy",
            {"role_type": "jwt", "expiration_leeway": 10**8},
        ),
        ("auth/oidc/role/developer", {"groups_claim": "groups_direct"}),
    ],
)
def test_what_a_role_does_not_usually_say_is_shown_and_taken_back(
    vault: Api, stack: Platform, people: Provider, gitlab: Issuer, path: str, widened: dict[str, object]
) -> None:
    keys = published(gitlab.url)
    apply(vault, stack, keys, people.client_secret)
    before = vault.get(f"/v1/{path}")["data"]
    vault.post(f"/v1/{path}", json=widened)
    assert titles(apply(vault, stack, keys, "")) == [f"Vault login {path} (changed)"]
    after = vault.get(f"/v1/{path}")["data"]
    assert {name: after[name] for name in widened} == {name: before[name] for name in widened}


def test_gitlabs_new_key_is_shown_and_without_an_answer_the_old_one_stays(
    vault: Api, stack: Platform, people: Provider, gitlab: Issuer
) -> None:
    apply(vault, stack, published(gitlab.url), people.client_secret)
    gitlab.publish(RSAKey.generate_key(2048))
    assert titles(logins.changes(vault, stack, published(gitlab.url))) == [
        "Vault login auth/jwt-gitlab/config (changed)"
    ]
    assert logins.changes(vault, stack, []) == LoginChanges()


def test_the_clients_secret_is_asked_for_again_only_when_it_must_be_and_shown_nowhere(
    vault: Api, stack: Platform, people: Provider
) -> None:
    found = apply(vault, stack, [], people.client_secret)
    assert people.client_secret not in repr(found)
    assert people.client_secret not in repr(logins.changes(vault, stack, []))
    again = logins.changes(vault, stack, [], new_client_secret=True)
    assert titles(again) == ["Vault login auth/oidc/config (changed)"]
    assert again.needs_client_secret
    assert not logins.changes(vault, regrouped(stack, operator="platform/other"), []).needs_client_secret


def test_a_login_that_berth_did_not_make_is_left_alone(vault: Api, stack: Platform) -> None:
    vault.post("/v1/sys/auth/oidc", json={"type": "oidc", "description": "somebody's own"})
    vault.post("/v1/sys/auth/aws", json={"type": "aws"})
    own = {"auth_type": "iam", "bound_iam_principal_arn": [ARNS["access"]], "resolve_aws_unique_ids": False}
    vault.post("/v1/auth/aws/role/backup", json=own)
    without = changed(stack, people=None, pipelines=None)
    assert logins.changes(vault, without, []).removed == ()
    with pytest.raises(RefusedError, match="path is already in use at oidc/"):
        apply(vault, changed(stack, pipelines=None), [], "any")


def test_keys_are_taken_from_the_issuer_alone(gitlab: Issuer) -> None:
    about = "/.well-known/openid-configuration"
    right = gitlab.answers[about]
    for wrong, says in (
        ({**right, "issuer": "https://other.example.com"}, "calls itself https://other.example.com"),
        ({**right, "jwks_uri": "https://other.example.com/keys"}, "has its keys elsewhere"),
        ("no record", "does not answer as GitLab does"),
    ):
        gitlab.answers[about] = wrong
        with pytest.raises(BerthError, match=says):
            published(gitlab.url)
    gitlab.answers[about] = right
    gitlab.publish()
    with pytest.raises(BerthError, match="publishes no RSA key"):
        published(gitlab.url)


def test_keys_of_a_gitlab_whose_certificate_nobody_signed_are_not_taken(
    gitlab: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(BerthError, match="CERTIFICATE_VERIFY_FAILED"):
        published(gitlab.url)


def test_a_secret_that_is_piped_in_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n\nlast"))
    assert [hidden("key") for _ in range(5)] == ["one", "two", "", "last", ""]
