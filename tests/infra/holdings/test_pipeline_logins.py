"""A job of GitLab logs in to a real Vault with a token that says exactly what is wanted, and with no other."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from infra.holdings import logins
from infra.holdings.entry import hold
from infra.machine.web import Api, Refused
from scripts.ops.access.gitlab_keys import published
from tests.support.issuer import Issuer, issuer
from vault_policies.holders import PIPELINES, policy_name

pytestmark = pytest.mark.live

VAULT = "https://vault.prod.berth.internal:8200"
JOB = {
    "aud": VAULT,
    "project_id": "22",
    "project_path": "platform/berth",
    "user_id": "7",
    "user_login": "somebody",
    "pipeline_id": "301",
    "job_id": "401",
    "pipeline_source": "push",
    "ref": "main",
    "ref_type": "branch",
    "ref_protected": "true",
    "environment": "prod",
}
"""What GitLab says of a job that deploys."""
WANTED: dict[str, dict[str, Any]] = {
    "plan": {
        "ref": "a-branch",
        "ref_protected": "false",
        "environment": None,
        "pipeline_source": "merge_request_event",
    },
    "deploy": {},
    "rotate": {"pipeline_source": "schedule"},
}
"""What the job of each pipeline says otherwise."""
NOBODYS: list[dict[str, Any]] = [
    {"project_id": "23"},  # a fork, or a project that has the path after ours was moved
    {"project_id": 22},
    {"project_id": "2"},
    {"project_id": "*"},
    {"project_id": None},
    {"ref_type": "tag"},
    {"ref_type": None},
    {"aud": "https://vault.dev.berth.internal:8200"},
    {"aud": "https://gitlab.example.com"},  # a token for AWS
    {"aud": None},
    {"iss": "https://gitlab.com"},
    {"iss": None},
    {"exp": 1_700_000_000},
    {"nbf": 4_000_000_000},
    {"user_id": None},
]
UNPROTECTED: list[dict[str, Any]] = [
    {"ref": "main2"},
    {"ref": "mai"},
    {"ref": "main/../other"},
    {"ref": "MAIN"},
    {"ref": None},
    {"ref_protected": "false"},
    {"ref_protected": True},
    {"ref_protected": None},
    {"environment": "dev"},
    {"environment": "prod2"},
    {"environment": "prod/review"},
    {"environment": None},
]


@pytest.fixture(scope="module")
def gitlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with issuer(tmp_path_factory.mktemp("gitlab")) as made:
        yield made


@pytest.fixture(scope="module")
def site(vault: Api, gitlab: Issuer) -> Api:
    """Vault with the logins of pipelines, and the keys that GitLab publishes."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(gitlab.ca_file))
        keys = published(gitlab.url)
    for entry in (*logins.by_gitlab(VAULT, 22, "main", "prod"), logins.gitlab_keys(gitlab.url, keys)):
        assert hold(vault, entry)
        assert not hold(vault, entry), f"{entry.make} is written twice"
    return vault


def log_in(vault: Api, role: str, token: str) -> dict[str, Any]:
    return dict(Api(vault.url, "").ask("POST", "auth/jwt-gitlab/login", {"role": role, "jwt": token})["auth"])


def is_refused(vault: Api, role: str, token: str) -> bool:
    try:
        log_in(vault, role, token)
    except Refused as error:
        return error.status in (400, 403)
    return False


@pytest.mark.parametrize("role", PIPELINES)
def test_each_pipeline_has_exactly_its_holders_policy(site: Api, gitlab: Issuer, role: str) -> None:
    made = log_in(site, role, gitlab.sign({**JOB, **WANTED[role]}))
    assert made["policies"] == made["token_policies"] == [policy_name(role)]
    assert made["lease_duration"] <= 3600
    assert made["metadata"]["user_login"] == "somebody", "Vault's audit log tells who"


@pytest.mark.parametrize("role", PIPELINES)
@pytest.mark.parametrize("changed", NOBODYS, ids=str)
def test_another_project_audience_issuer_or_time_is_refused(
    site: Api, gitlab: Issuer, role: str, changed: dict[str, Any]
) -> None:
    assert is_refused(site, role, gitlab.sign({**JOB, **WANTED[role], **changed}))


@pytest.mark.parametrize("role", ["deploy", "rotate"])
@pytest.mark.parametrize("changed", UNPROTECTED, ids=str)
def test_what_changes_anything_takes_the_protected_branch_and_the_environment(
    site: Api, gitlab: Issuer, role: str, changed: dict[str, Any]
) -> None:
    assert is_refused(site, role, gitlab.sign({**JOB, **WANTED[role], **changed}))


def test_a_pipeline_that_nobody_scheduled_does_not_rotate(site: Api, gitlab: Issuer) -> None:
    for source in ("push", "web", "api", "trigger", "merge_request_event"):
        assert is_refused(site, "rotate", gitlab.sign({**JOB, "pipeline_source": source}))


def hmac_signed(claims: dict[str, Any], gitlab: Issuer) -> str:
    """Sign with GitLab's public key as if it were a shared secret, which takes a verifier that trusts `alg`."""
    _, body, _ = gitlab.sign(claims).split(".")
    signed = f"{encoded(json.dumps({'alg': 'HS256', 'kid': gitlab.key.kid}).encode())}.{body}"
    mac = hmac.digest(gitlab.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{encoded(mac)}"


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def test_a_token_that_gitlab_did_not_sign_is_refused(site: Api, gitlab: Issuer) -> None:
    other = RSAKey.generate_key(2048)
    assert is_refused(site, "deploy", gitlab.sign(JOB, other))
    assert is_refused(site, "deploy", hmac_signed(JOB, gitlab))
    head, body, _ = gitlab.sign(JOB).split(".")
    assert is_refused(site, "deploy", f"{head}.{body}.")


def test_without_a_role_nobody_logs_in(site: Api, gitlab: Issuer) -> None:
    assert is_refused(site, "", gitlab.sign(JOB))


def test_a_token_that_has_just_ended_is_refused(site: Api, gitlab: Issuer) -> None:
    leeway_s = 150
    now = int(time.time())
    assert is_refused(site, "deploy", gitlab.sign({**JOB, "iat": now - 600, "exp": now - leeway_s - 61}))
