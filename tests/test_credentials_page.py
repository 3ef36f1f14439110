"""The service of docs/credentials.md can be built, rendered and given access; the page's table names what there is."""

import re
import runpy
from pathlib import Path

import pytest

from nomad_jobs import model
from nomad_jobs.model import Service
from nomad_jobs.platform import Aws
from nomad_jobs.render import render_job
from tests.support.platforms import CLOUD, test_pins
from vault_policies import engines
from vault_policies.render import render_policy

PAGE = (Path(__file__).parents[1] / "docs" / "credentials.md").read_text()
CLOUD_WITH_AWS = CLOUD.model_copy(
    update={
        "buckets": {"benchmarks": "berth-prod-benchmarks"},
        "aws": Aws(
            workload_role="arn:aws:iam::123456789012:role/berth-prod-workload", storage_key="arn:aws:kms:x:1:key/2"
        ),
    }
)


@pytest.fixture
def shop(tmp_path: Path) -> Service:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "shop.py"
    file.write_text(f"from nomad_jobs.model import *\n{code}")
    service: Service = runpy.run_path(str(file))["SHOP"]
    return service


def test_the_pages_service_reads_exactly_what_it_asks_for(shop: Service) -> None:
    found = re.findall(r'^path "([^"]+)" \{\n\s+capabilities = \["(\w+)"\]', render_policy(shop, CLOUD), re.MULTILINE)
    assert found == [
        ("secret/data/default/shop/cache", "read"),
        ("database/creds/berth-shop.orders", "read"),
        ("aws/sts/berth-shop.s3", "read"),
        ("transit/encrypt/berth-shop.cards", "update"),
        ("transit/decrypt/berth-shop.cards", "update"),
        ("transit/rewrap/berth-shop.cards", "update"),
        ("auth/token/renew-self", "update"),
        ("auth/token/lookup-self", "read"),
    ]


def test_the_pages_service_is_a_job_that_holds_no_value_and_sees_its_token(shop: Service) -> None:
    job = render_job(shop, CLOUD_WITH_AWS, images=test_pins("example/shop:1"))
    assert "disable_file = false" in job
    assert re.findall(r'destination = "secrets/(.*)"', job) == ["env", "vault_ca.pem", "aws"]
    assert '"VAULT_CACERT"' in job


def test_what_vault_holds_for_it_names_its_buckets_its_key_and_its_grants(shop: Service) -> None:
    held = dict(engines.entries(shop, CLOUD_WITH_AWS))
    assert sorted(held) == [
        "aws/roles/berth-shop.s3", "database/roles/berth-shop.orders", "transit/keys/berth-shop.cards"
    ]  # fmt: skip
    policy = held["aws/roles/berth-shop.s3"]["policy_document"]
    assert set(re.findall(r'"(arn:[^"]+)"', policy)) == {
        "arn:aws:s3:::berth-prod-benchmarks", "arn:aws:s3:::berth-prod-benchmarks/*", "arn:aws:kms:x:1:key/2"
    }  # fmt: skip
    created = held["database/roles/berth-shop.orders"]["creation_statements"]
    assert created[-1] == 'GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO "{{name}}"'
    (connection,) = engines.databases([shop]).values()
    assert "sslmode=verify-full" in connection["connection_url"]
    assert connection["allowed_roles"] == ["berth-shop.orders"]


def test_the_page_names_what_the_model_has() -> None:
    named = set(re.findall(r"`(\w+)(?:\(|`)", PAGE))
    assert {"composed", "DynamicDatabase", "StaticDatabase", "DynamicAws", "TransitKey"} <= named & set(vars(model))
