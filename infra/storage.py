"""The buckets of a stack: private, encrypted with our key, TLS only, with expiry rules."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import s3

from infra.access.statements import EVERYONE, Statement, document
from infra.label import Label

LOG_DAYS = 90
_SNAPSHOT_DAYS = 90
_OLD_VERSION_DAYS = 30
_TORN_UPLOAD_DAYS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketPlan:
    """What a bucket is for, and how long it keeps things."""

    purpose: str
    is_versioned: bool
    """Whether S3 keeps overwritten and deleted objects for 30 days."""
    expire_days: int | None = None
    """After how many days S3 deletes an object; None: never."""


BUCKETS: Mapping[str, BucketPlan] = {
    "logs": BucketPlan(purpose="logs of services and of the network", is_versioned=False, expire_days=LOG_DAYS),
    # Weights are large, and named by their revision: another version of the same key is a mistake.
    "models": BucketPlan(purpose="model weights", is_versioned=False),
    "benchmarks": BucketPlan(purpose="benchmark results", is_versioned=True),
    "snapshots": BucketPlan(
        purpose="snapshots of Consul, Nomad and Vault", is_versioned=True, expire_days=_SNAPSHOT_DAYS
    ),
    "releases": BucketPlan(purpose="release records", is_versioned=True),
    "binaries": BucketPlan(purpose="programs that machines fetch when they boot", is_versioned=True),
}
"""Every bucket, by its name in `Platform.buckets`."""


def bucket_name(label: Label, account_id: str, bucket: str) -> str:
    """Name a bucket; the account's number makes it unique, since all of AWS shares the names of buckets."""
    return f"{label.name(bucket)}-{account_id}"


def log_key_format(service: str) -> str:
    """Give Fluent Bit's `s3_key_format` for a service: by month, then day, service, tag and second."""
    return f"/%Y/%m/%Y-%m-%d-{service}-$TAG-%S"


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """What the buckets depend on."""

    label: Label
    account_id: str
    region: str
    key_arn: Input[str]
    """The KMS key that encrypts their objects."""
    protect: bool
    """Whether `pulumi destroy` refuses to delete them; if not, it deletes their objects too."""


class Storage(pulumi.ComponentResource):
    """The buckets; `buckets` has their names and `arns` their ARNs, by purpose."""

    buckets: dict[str, Output[str]]
    arns: dict[str, Output[str]]

    def __init__(self, name: str, args: StorageArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:storage:Storage", name, None, opts)
        made = {bucket: self._bucket(name, bucket, args) for bucket in BUCKETS}
        # The name comes from the policy, so that whatever uses a bucket waits for its policy.
        self.buckets = {bucket: policy.bucket for bucket, (_, policy) in made.items()}
        self.arns = {bucket: resource.arn for bucket, (resource, _) in made.items()}
        self.register_outputs({"buckets": self.buckets, "arns": self.arns})

    def _bucket(self, name: str, bucket: str, args: StorageArgs) -> tuple[s3.Bucket, s3.BucketPolicy]:
        child = f"{name}-{bucket}"
        made = s3.Bucket(
            child,
            bucket=bucket_name(args.label, args.account_id, bucket),
            force_destroy=not args.protect,
            tags=args.label.tags(bucket),
            opts=ResourceOptions(parent=self, protect=args.protect),
        )
        _keep(child, made, BUCKETS[bucket], args.key_arn)
        s3.BucketLifecycleConfiguration(
            f"{child}-lifecycle", bucket=made.id, rules=lifecycle(bucket), opts=ResourceOptions(parent=made)
        )
        policy = document(statements(args.label, args.account_id, args.region, bucket))
        return made, _close(child, made, policy)


def _keep(child: str, made: s3.Bucket, plan: BucketPlan, key_arn: Input[str]) -> None:
    """Encrypt objects with our key, and keep old versions where the plan asks for it."""
    below = ResourceOptions(parent=made)
    encryption: s3.BucketServerSideEncryptionConfigurationRuleArgsDict = {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn},
        "bucket_key_enabled": True,
    }
    s3.BucketServerSideEncryptionConfiguration(f"{child}-encryption", bucket=made.id, rules=[encryption], opts=below)
    if plan.is_versioned:
        s3.BucketVersioning(
            f"{child}-versions", bucket=made.id, versioning_configuration={"status": "Enabled"}, opts=below
        )


def _close(child: str, made: s3.Bucket, policy: str) -> s3.BucketPolicy:
    """Block public access, turn off ACLs and attach the bucket's policy."""
    below = ResourceOptions(parent=made)
    s3.BucketOwnershipControls(
        f"{child}-owner", bucket=made.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=below
    )
    block = s3.BucketPublicAccessBlock(
        f"{child}-private",
        bucket=made.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=below,
    )
    # After the block: S3 refuses two changes of a bucket's access at once.
    return s3.BucketPolicy(
        f"{child}-policy", bucket=made.id, policy=policy, opts=ResourceOptions(parent=made, depends_on=[block])
    )


def lifecycle(bucket: str) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
    """Write the expiry rules: for unfinished uploads always, for old versions and for objects by the bucket's plan."""
    plan = BUCKETS[bucket]
    torn: s3.BucketLifecycleConfigurationRuleArgsDict = {
        "id": "delete-torn-uploads",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": _TORN_UPLOAD_DAYS},
    }
    rules = [torn]
    if plan.expire_days is not None:
        rules.append(
            {
                "id": f"delete-old-{bucket}",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": plan.expire_days},
            }
        )
    if plan.is_versioned:
        rules.append(
            {
                "id": "delete-old-versions",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": _OLD_VERSION_DAYS},
            }
        )
    return rules


def statements(label: Label, account_id: str, region: str, bucket: str) -> tuple[Statement, ...]:
    """Write the bucket's policy: it refuses TLS below 1.2, and AWS may deliver flow logs to `logs`."""
    arn = f"arn:aws:s3:::{bucket_name(label, account_id, bucket)}"
    both = (arn, f"{arn}/*")
    found = [
        Statement(
            sid="TlsOnly",
            denies=True,
            principal=EVERYONE,
            actions=("s3:*",),
            resources=both,
            condition={"Bool": {"aws:SecureTransport": "false"}},
        ),
        Statement(
            sid="NoOldTls",
            denies=True,
            principal=EVERYONE,
            actions=("s3:*",),
            resources=both,
            condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ),
    ]
    return (*found, *_flow_logs(arn, account_id, region)) if bucket == "logs" else tuple(found)


def _flow_logs(arn: str, account_id: str, region: str) -> tuple[Statement, ...]:
    """Allow AWS's log delivery, but only for our account: it acts for every account (a confused deputy)."""
    ours = {
        "StringEquals": {"aws:SourceAccount": account_id},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account_id}:*"},
    }
    delivery = {"Service": "delivery.logs.amazonaws.com"}
    return (
        Statement(
            sid="FlowLogs",
            principal=delivery,
            actions=("s3:PutObject",),
            resources=(f"{arn}/AWSLogs/{account_id}/*",),
            condition=ours,
        ),
        Statement(
            sid="FlowLogsLook",
            principal=delivery,
            actions=("s3:GetBucketAcl", "s3:ListBucket"),
            resources=(arn,),
            condition=ours,
        ),
    )
