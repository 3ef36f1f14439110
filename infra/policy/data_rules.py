"""What CIS requires of buckets, keys and logs, and what the S3 endpoint may allow."""

import json
from collections.abc import Iterator, Sequence

from infra.policy.resource import Resource, Violation

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def public_buckets(resource: Resource) -> Iterator[Violation]:
    """CIS 2.1.4: all four blocks of public access are on."""
    if resource.kind == "BucketPublicAccessBlock":
        off = [name for name in _BLOCKS if resource.props.get(name) is not True]
        if off:
            what = f"{', '.join(off)} is off"
            yield Violation(rule="CIS 2.1.4", resource=resource.name, what=what, fix="set all four to True")


def unguarded_buckets(resources: Sequence[Resource]) -> Iterator[Violation]:
    """CIS 2.1.1 and 2.1.4: every bucket has its block and a policy that refuses plain HTTP."""
    for bucket in (one for one in resources if one.kind == "Bucket"):
        beside = [one for one in resources if one.is_from(bucket.urn)]
        if not any(one.kind == "BucketPublicAccessBlock" for one in beside):
            what = "public access is not blocked"
            fix = "add an s3.BucketPublicAccessBlock"
            yield Violation(rule="CIS 2.1.4", resource=bucket.name, what=what, fix=fix)
        policies = [str(one.get("policy")) for one in beside if one.kind == "BucketPolicy" and one.get("policy")]
        unknown = any(one.kind == "BucketPolicy" and one.get("policy") is None for one in beside)
        if not unknown and not any("aws:SecureTransport" in policy for policy in policies):
            what = "it accepts requests without TLS"
            fix = "deny aws:SecureTransport=false in its policy"
            yield Violation(rule="CIS 2.1.1", resource=bucket.name, what=what, fix=fix)


def key_rotation(resource: Resource) -> Iterator[Violation]:
    """CIS 3.6: keys are rotated."""
    if resource.type == "aws:kms/key:Key" and resource.props.get("enableKeyRotation") is not True:
        what = "the key is never rotated"
        fix = "set enable_key_rotation=True"
        yield Violation(rule="CIS 3.6", resource=resource.name, what=what, fix=fix)


def flow_logs(resources: Sequence[Resource]) -> Iterator[Violation]:
    """CIS 3.7: every VPC has flow logs."""
    for vpc in (one for one in resources if one.kind == "Vpc"):
        if not any(one.kind == "FlowLog" and one.is_from(vpc.urn) for one in resources):
            what = "its connections are not logged"
            fix = "add an ec2.FlowLog of all its traffic"
            yield Violation(rule="CIS 3.7", resource=vpc.name, what=what, fix=fix)


def s3_endpoint(resource: Resource) -> Iterator[Violation]:
    """S3: the endpoint allows buckets that are named, never everyone's (AWS's default)."""
    if resource.kind != "VpcEndpoint" or not str(resource.get("serviceName")).endswith(".s3"):
        return
    policy = resource.get("policy")
    if policy is None and "policy" in resource.props:
        return  # not known yet
    statements = json.loads(policy)["Statement"] if isinstance(policy, str) else []
    if not statements or any(_is_everything(one) for one in statements if one["Effect"] == "Allow"):
        what = "it allows data to be copied to anyone's bucket"
        fix = "name our buckets and those that booting needs"
        yield Violation(rule="S3", resource=resource.name, what=what, fix=fix)


def _is_everything(statement: dict[str, object]) -> bool:
    """Whether a statement allows every bucket, or every action on some."""
    return bool({"*", "arn:aws:s3:::*"} & _texts(statement.get("Resource"))) or "s3:*" in _texts(statement["Action"])


def _texts(value: object) -> set[str]:
    return {str(one) for one in value} if isinstance(value, list) else {str(value)}
