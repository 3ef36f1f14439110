"""A service may read its own secrets and nothing else, and only its own job may act as it."""

import re

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import Database, DynamicDatabase, Env, Service, database_url, secret_path
from nomad_jobs.services.chat import CHAT
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from tests.nomad_jobs.test_model import build
from tests.support.platforms import LAPTOP
from vault_policies import engines
from vault_policies.render import render_policy, role


def paths(service: Service) -> set[str]:
    return set(re.findall(r'path "secret/data/default/([^"]+)"', render_policy(service, LAPTOP)))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_policy_lists_exactly_the_services_own_paths(service: Service) -> None:
    assert paths(service) == {secret_path(secret, service) for secret in service.secrets}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_nothing_but_reading_and_renewing_is_allowed(service: Service) -> None:
    text = render_policy(service, LAPTOP)
    rights = dict(re.findall(r'path "([^"]+)" \{\n\s+capabilities = \["(\w+)"\]', text))
    assert {path for path, right in rights.items() if right != "read"} == {"auth/token/renew-self"}
    assert "*" not in text


def test_a_key_that_two_services_share_is_stored_once() -> None:
    assert paths(CHAT) & paths(LLAMA_4_SCOUT) == {"llama-4-scout/key-chat"}


def test_a_role_is_bound_to_one_job_of_one_namespace() -> None:
    body = role(CHAT, LAPTOP)
    assert body["bound_claims"] == {"nomad_namespace": "default", "nomad_job_id": "chat"}
    assert body["bound_audiences"] == ["vault.io"]
    assert body["user_claim"] == "/extra_claims/unique_id"
    assert body["token_explicit_max_ttl"] == 0
    assert body["token_no_default_policy"] is True


def test_the_name_of_a_database_stays_within_its_part_of_the_url() -> None:
    odd = Database(name="odd", host="db.internal", database="my db?sslmode=disable#{{password}}")
    user = DynamicDatabase(database=odd, grants=("SELECT ON ALL TABLES IN SCHEMA public",))
    (found,) = engines.databases([build(env=(Env(name="URL", value=database_url(user)),))]).values()
    where = "db.internal:5432/my%20db%3Fsslmode%3Ddisable%23%7B%7Bpassword%7D%7D?sslmode=verify-full&connect_timeout=5"
    assert found["connection_url"] == f"postgresql://{{{{username}}}}:{{{{password}}}}@{where}"
