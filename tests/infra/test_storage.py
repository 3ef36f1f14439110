import json
import re
from typing import Any

import pytest

from infra.label import Label
from infra.storage import BUCKETS, Storage, StorageArgs, bucket_name, log_key_format
from tests.support.graph import ACCOUNT, REGION, Graph, record
from tests.support.policies import lint

NAME = re.compile(r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")
"""AWS's rules for bucket names, without the dots that TLS dislikes."""


def storage(*, protect: bool = True) -> Graph:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/storage"
    args = StorageArgs(label=Label("prod"), account_id=ACCOUNT, region=REGION, key_arn=key, protect=protect)
    return record(lambda: Storage("storage", args), stack="prod")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return storage()


def statements(graph: Graph, bucket: str) -> dict[str, Any]:
    policy = json.loads(graph[f"storage-{bucket}-policy"].inputs["policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def rules(graph: Graph, bucket: str) -> dict[str, Any]:
    return {rule["id"]: rule for rule in graph[f"storage-{bucket}-lifecycle"].inputs["rules"]}


def test_bucket_names_are_known_beforehand_and_allowed(graph: Graph) -> None:
    for bucket in BUCKETS:
        name = bucket_name(Label("prod"), ACCOUNT, bucket)
        assert graph[f"storage-{bucket}"].inputs["bucket"] == name
    longest = bucket_name(Label("s" * 20), ACCOUNT, max(BUCKETS, key=len))
    assert NAME.match(longest)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_is_private_encrypted_and_ours(graph: Graph, bucket: str) -> None:
    block = graph[f"storage-{bucket}-private"].inputs
    assert all(
        block[name] is True
        for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert graph[f"storage-{bucket}-owner"].inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    (rule,) = graph[f"storage-{bucket}-encryption"].inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/storage",
    }
    for node in (block, graph[f"storage-{bucket}-policy"].inputs):
        assert node["bucket"] == graph[f"storage-{bucket}"].inputs["bucket"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_nothing_comes_without_tls(graph: Graph, bucket: str) -> None:
    found = statements(graph, bucket)
    arn = f"arn:aws:s3:::{bucket_name(Label('prod'), ACCOUNT, bucket)}"
    assert found["TlsOnly"] == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": ["s3:*"],
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert found["NoOldTls"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    assert set(found) - {"TlsOnly", "NoOldTls"} == ({"FlowLogs", "FlowLogsLook"} if bucket == "logs" else set())


def test_flow_logs_are_taken_from_this_account_only(graph: Graph) -> None:
    for sid in ("FlowLogs", "FlowLogsLook"):
        statement = statements(graph, "logs")[sid]
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"},
        }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_policy_is_clean(graph: Graph, bucket: str) -> None:
    assert lint(graph[f"storage-{bucket}-policy"].inputs["policy"]) == []


def test_logs_expire_after_ninety_days(graph: Graph) -> None:
    assert rules(graph, "logs")["delete-old-logs"]["expiration"] == {"days": 90}
    assert rules(graph, "logs")["delete-old-logs"]["status"] == "Enabled"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_unfinished_uploads_expire_and_old_versions_stay_a_month(graph: Graph, bucket: str) -> None:
    found = rules(graph, bucket)
    assert found["delete-torn-uploads"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    is_versioned = f"storage-{bucket}-versions" in graph.names
    assert is_versioned == ("delete-old-versions" in found)
    assert is_versioned == (bucket in {"benchmarks", "snapshots", "releases", "binaries"})
    if is_versioned:
        assert graph[f"storage-{bucket}-versions"].inputs["versioningConfiguration"] == {"status": "Enabled"}


def test_release_records_and_weights_never_expire(graph: Graph) -> None:
    for bucket in ("releases", "models", "binaries", "benchmarks"):
        assert not any("expiration" in rule for rule in rules(graph, bucket).values())


@pytest.mark.parametrize("protect", [True, False])
def test_protected_buckets_are_deleted_neither_full_nor_empty(protect: bool) -> None:
    for bucket in storage(protect=protect).of("Bucket"):
        assert bucket.protect is protect
        assert bucket.inputs["forceDestroy"] is not protect


def test_the_policy_waits_for_the_block(graph: Graph) -> None:
    for bucket in BUCKETS:
        assert graph[f"storage-{bucket}-private"].urn in graph[f"storage-{bucket}-policy"].dependencies


def test_logs_are_named_as_fluent_bit_writes_them() -> None:
    assert log_key_format("chat") == "/%Y/%m/%Y-%m-%d-chat-$TAG-%S"
