import base64
import gzip
import json
import uuid
from typing import Any

import pytest

from infra.label import PART_TAG
from infra.network.endpoints import s3_policy
from infra.policy.resource import UNKNOWN, Resource
from infra.policy.rules import check_all
from infra.policy.secret_rules import outputs, secret_in

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SAFE = {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}}


def broken(kind: str, **props: Any) -> set[str]:
    return {one.rule for one in check_all([Resource(type=kind, name="x", props=props)])}


def test_subnets_and_machines_have_no_public_address() -> None:
    assert broken("aws:ec2/subnet:Subnet", mapPublicIpOnLaunch=True) == {"L2"}
    assert broken("aws:ec2/subnet:Subnet", mapPublicIpOnLaunch=False) == set()
    assert broken("aws:ec2/eip:Eip", instance="i-1") == {"L2"}
    assert broken("aws:ec2/eip:Eip", domain="vpc") == set()
    assert broken("aws:ec2/eipAssociation:EipAssociation", instanceId="i-1") == {"L2"}


@pytest.mark.parametrize(("who", "expected"), [("ingress", set()), ("client", {"L2"}), ("server", {"L2"})])
def test_a_public_machine_is_one_of_nginx(who: str, expected: set[str]) -> None:
    group = Resource(type="aws:ec2/securityGroup:SecurityGroup", name="g", urn="g", props={"tags": {PART_TAG: who}})
    machine = Resource(
        type=TEMPLATE,
        name="t",
        props={**SAFE, "networkInterfaces": [{"associatePublicIpAddress": "true", "securityGroups": [UNKNOWN]}]},
        made_from={"networkInterfaces": ("g",)},
    )
    assert {one.rule for one in check_all([group, machine])} == expected


def test_a_machine_guards_its_metadata_and_seals_its_disks() -> None:
    assert broken(TEMPLATE, **SAFE) == set()
    assert broken(TEMPLATE) == {"CIS 5.7"}
    assert broken(TEMPLATE, metadataOptions={"httpTokens": "optional", "httpPutResponseHopLimit": 1}) == {"CIS 5.7"}
    assert broken(TEMPLATE, metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2}) == {"CIS 5.7"}
    assert broken(TEMPLATE, **SAFE, blockDeviceMappings=[{"ebs": {"volumeSize": 8}}]) == {"CIS 5.1.1"}
    assert broken(TEMPLATE, **SAFE, blockDeviceMappings=[{"ebs": {"encrypted": "true"}}]) == set()
    assert broken("aws:ebs/volume:Volume", size=8) == {"CIS 5.1.1"}


def test_buckets_are_private_and_answer_with_tls_only() -> None:
    bucket = Resource(type="aws:s3/bucket:Bucket", name="b", urn="b", props={})
    assert {one.rule for one in check_all([bucket])} == {"CIS 2.1.4", "CIS 2.1.1"}
    closed = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
    block = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    assert broken(block, **{**closed, "ignorePublicAcls": False}) == {"CIS 2.1.4"}
    for policy in ('{"Condition": {"Bool": {"aws:SecureTransport": "false"}}}', UNKNOWN):
        beside = [
            Resource(type=block, name="p", props=closed, made_from={"bucket": ("b",)}),
            Resource(
                type="aws:s3/bucketPolicy:BucketPolicy",
                name="y",
                props={"policy": policy},
                made_from={"bucket": ("b",)},
            ),
        ]
        assert check_all([bucket, *beside]) == ()


def test_keys_are_rotated_and_networks_logged() -> None:
    assert broken("aws:kms/key:Key") == {"CIS 3.6"}
    assert broken("aws:kms/key:Key", enableKeyRotation=True) == set()
    assert "CIS 3.7" in broken("aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16")


def endpoint(policy: Any) -> set[str]:
    props = {"serviceName": "com.amazonaws.eu-west-1.s3"} | ({"policy": policy} if policy is not None else {})
    return broken("aws:ec2/vpcEndpoint:VpcEndpoint", **props)


def test_the_way_to_s3_leads_to_named_buckets() -> None:
    assert endpoint(json.dumps(s3_policy("eu-west-1", "123456789012", ["arn:aws:s3:::b"]))) == set()
    assert endpoint(UNKNOWN) == set()
    assert endpoint(None) == {"S3"}
    every = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    assert endpoint(json.dumps({"Statement": [every]})) == {"S3"}
    assert endpoint(json.dumps({"Statement": [{**every, "Resource": ["arn:aws:s3:::b"], "Action": ["s3:*"]}]})) == {
        "S3"
    }


TOKEN = "hvs." + "CAESIJ" + "x1Y2z3" * 4
SECRETS = {
    "an AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE",
    "a Vault token": TOKEN,
    "a GitLab token": "glpat-" + "abcDEF123456ghiJKL78",
    "a Hugging Face token": "hf_" + "abcdefABCDEF0123456789abcdefABCDEF",
    "a signed token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "a password in an address": "postgres://app:" + "hunter22@db/app",
    "a random value called encrypt": f'encrypt = "{base64.b64encode(bytes(range(100, 132))).decode()}"',
    "a random value called initial_management_token": f"initial_management_token: {uuid.UUID(int=2**127 + 12345)}",
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_found_and_never_said(what: str) -> None:
    found = secret_in(f"#cloud-config\nsome text\n{SECRETS[what]}\n")
    assert found == what
    assert SECRETS[what] not in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        'token_max_expiration_ttl = "24h"',
        "secret = secret/data/llama-4-scout/hugging-face",
        'encrypt_verify_incoming = true\nretry_join = ["provider=aws tag_key=berth:part tag_value=server"]',
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "Bearer token from the environment, see password_file=/etc/berth/password",
        "key_name: alias/berth-prod-vault",
    ],
)
def test_what_only_speaks_of_secrets_is_let_be(text: str) -> None:
    assert secret_in(text) == ""


def test_a_secret_is_found_however_deep_it_is_packed() -> None:
    packed = base64.b64encode(gzip.compress(f"write_files:\n- content: {TOKEN}\n".encode())).decode()
    assert broken(TEMPLATE, **SAFE, userData=packed) == {"L5"}
    twice = base64.b64encode(f"content: {packed}\n".encode()).decode()
    assert broken(TEMPLATE, **SAFE, userData=twice) == {"L5"}


def test_a_random_value_under_a_secrets_name_is_found() -> None:
    value = "aB3f9c2E" + "7d4a1b8Zz06"
    assert broken("aws:ssm/parameter:Parameter", password=value) == {"L5"}
    assert broken("aws:ssm/parameter:Parameter", description=value) == set()
    assert [one.rule for one in outputs({"platform": {"token": value}})] == ["L5"]
    assert list(outputs({"platform": '{"stack": "dev"}', "vpc": "vpc-0123456789abcdef0"})) == []
