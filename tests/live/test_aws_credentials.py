"""Keys of AWS that Vault has STS make for a service: for its buckets alone, in the file that AWS's SDKs read.

moto does not apply the policy of a session, so what it would refuse is read from what STS was asked for.
"""

import base64
import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import boto3
import httpx
import pytest

from nomad_jobs.errors import AuthError
from nomad_jobs.model import DynamicAws, Env, Service, aws_file
from scripts.ops.access.root import root
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.laptop import Laptop, laptop
from tests.support.services import web

pytestmark = pytest.mark.live

READS = DynamicAws(buckets=("models",))
WRITES = DynamicAws(name="results", buckets=("benchmarks", "models"), writes=True)


@pytest.fixture(scope="module")
def platform() -> Iterator[Laptop]:
    with laptop() as booted:
        httpx.post(f"{booted.settings.aws_url}/moto-api/recorder/start-recording", trust_env=False).raise_for_status()
        yield booted


@pytest.fixture(autouse=True)
def _clean(platform: Laptop) -> Iterator[None]:
    yield
    for name in platform.target.nomad.jobs_of(platform.platform.stack):
        platform.target.nomad.stop(name, purge=True)


def reader(name: str, keys: DynamicAws) -> Service:
    place = Env(name="AWS_SHARED_CREDENTIALS_FILE", value="${NOMAD_SECRETS_DIR}/aws")
    files = (aws_file("secrets/aws", keys, is_reread=True),)
    return web(name, route=None, setup="env -0 > local/env", env=(place,), files=files)


def asked_of_sts(platform: Laptop) -> list[dict[str, str]]:
    """Give the parameters of each AssumeRole that STS was asked for."""
    with session("AWS", platform.settings.aws_url) as aws:
        lines = aws.text("/moto-api/recorder/download-recording").splitlines()
    bodies = [base64.b64decode(json.loads(line)["body"] or "").decode() for line in lines]
    asked = [{name: values[0] for name, values in parse_qs(body).items()} for body in bodies]
    return [one for one in asked if one.get("Action") == "AssumeRole"]


def test_an_sdk_reads_a_bucket_with_what_the_task_is_given(platform: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    service = reader("test-reads", READS)
    platform.deploy(service)
    lines = (platform.task_folder(service.name) / "local" / "env").read_text().split("\0")
    for name, _, value in (line.partition("=") for line in lines if line.startswith("AWS_")):
        monkeypatch.setenv(name, value)
    s3 = boto3.session.Session().client("s3")
    s3.put_object(Bucket="berth-local-models", Key="weights", Body=b"1")
    assert s3.get_object(Bucket="berth-local-models", Key="weights")["Body"].read() == b"1"
    identity = boto3.session.Session().client("sts").get_caller_identity()
    assert ":assumed-role/berth-local-workload/" in identity["Arn"]


@pytest.mark.parametrize(
    ("keys", "objects", "buckets"),
    [
        (READS, ["s3:GetObject"], ["models"]),
        (WRITES, ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], ["benchmarks", "models"]),
    ],
    ids=["reads", "writes"],
)
def test_sts_is_asked_for_exactly_these_buckets(
    platform: Laptop, keys: DynamicAws, objects: list[str], buckets: list[str]
) -> None:
    before = len(asked_of_sts(platform))
    platform.deploy(reader("test-asks", keys))
    (asked,) = asked_of_sts(platform)[before:]
    arns = [f"arn:aws:s3:::berth-local-{bucket}" for bucket in buckets]
    assert asked["RoleArn"] == "arn:aws:iam::123456789012:role/berth-local-workload"
    assert asked["DurationSeconds"] == "3600"
    assert "test-asks" in asked["RoleSessionName"], "AWS's own log shows which service it was"
    assert json.loads(asked["Policy"])["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": arns},
        {"Effect": "Allow", "Action": objects, "Resource": [f"{arn}/*" for arn in arns]},
    ]


def test_another_services_token_gets_no_keys(platform: Laptop) -> None:
    one, other = reader("test-one", READS), reader("test-two", WRITES)
    platform.deploy(one)
    platform.deploy(other)
    with root(platform.vault, unseal_keys(platform.state)) as vault:
        body = {"policies": [other.vault_name], "no_default_policy": True}
        token = vault.post("/v1/auth/token/create", json=body)["auth"]["client_token"]
        with session("Vault", vault.url, token) as as_other:
            assert as_other.get("/v1/aws/sts/berth-test-two.results")["data"]["access_key"]
            for path in ("sts/berth-test-one.s3", "creds/berth-test-one.s3", "roles/berth-test-two.results"):
                with pytest.raises(AuthError, match="permission denied"):
                    as_other.get(f"/v1/aws/{path}")
