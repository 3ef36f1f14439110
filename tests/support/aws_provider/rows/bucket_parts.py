"""What is set on a bucket apart from it: each part is a put, a get and a delete of S3's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, deep_lower, deep_upper, replaces, upper
from tests.support.aws_provider.values import Bag

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One thing that is set on a bucket."""

    name: str
    """As in `aws:s3/bucketX:BucketX`, without `Bucket`."""
    put: str
    """boto3's method that sets it."""
    get: str
    delete: str = ""
    """Empty: `reset` is what undoes it."""
    write: Callable[[Bag], dict[str, Any]]
    """The inputs as S3 takes them."""
    read: Callable[[dict[str, Any]], Bag]
    """What S3 answers, as inputs; an empty bag where nothing is set."""
    reset: Callable[[], dict[str, Any]] | None = None

    def row(self) -> Row:
        """Make the table's row."""
        return Row(
            type=f"aws:s3/bucket{self.name}:Bucket{self.name}",
            create=self._create,
            settle=self._settle,
            read=self._read,
            delete=self._delete,
            replaces=replaces("bucket", "expectedBucketOwner"),
            local=frozenset({"skipDestroy"}),
            required=("bucket",),
        )

    def _create(self, cloud: Cloud, bag: Bag) -> str:
        self._settle(cloud, str(bag["bucket"]), bag)
        return str(bag["bucket"])

    def _settle(self, cloud: Cloud, identity: str, bag: Bag) -> None:
        getattr(cloud("s3"), self.put)(Bucket=identity, **self.write(bag))

    def _read(self, cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
        del bag
        answer = found(lambda: getattr(cloud("s3"), self.get)(Bucket=identity))
        fields = self.read(answer) if answer else {}
        return {"bucket": identity, **fields} if fields else None

    def _delete(self, cloud: Cloud, identity: str, bag: Bag) -> None:
        del bag
        with gone_is_fine():
            if self.delete:
                getattr(cloud("s3"), self.delete)(Bucket=identity)
            elif self.reset:
                getattr(cloud("s3"), self.put)(Bucket=identity, **self.reset())


def _encryption(bag: Bag) -> dict[str, Any]:
    rules = []
    for rule in bag["rules"]:
        default = rule.get("applyServerSideEncryptionByDefault", {})
        by_default = {"SSEAlgorithm": default.get("sseAlgorithm"), "KMSMasterKeyID": default.get("kmsMasterKeyId")}
        written = {"ApplyServerSideEncryptionByDefault": {key: one for key, one in by_default.items() if one}}
        rules.append(written | upper(rule, "bucketKeyEnabled"))
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _encryption_read(answer: dict[str, Any]) -> Bag:
    rules = []
    for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
        default = rule["ApplyServerSideEncryptionByDefault"]
        by_default = {"sseAlgorithm": default["SSEAlgorithm"], "kmsMasterKeyId": default.get("KMSMasterKeyID")}
        rules.append(
            {
                "applyServerSideEncryptionByDefault": by_default,
                "bucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            }
        )
    return {"rules": rules}


def _lifecycle(bag: Bag) -> dict[str, Any]:
    rules = deep_upper(bag["rules"])
    for rule in rules:
        rule["ID"] = rule.pop("Id")
        rule.setdefault("Filter", {"Prefix": ""})
        if rule["Filter"] == {}:
            rule["Filter"] = {"Prefix": ""}
    return {"LifecycleConfiguration": {"Rules": rules}}


def _lifecycle_read(answer: dict[str, Any]) -> Bag:
    rules = deep_lower(answer["Rules"])
    for rule in rules:
        rule["id"] = rule.pop("iD")
    return {"rules": rules}


def _logging_read(answer: dict[str, Any]) -> Bag:
    fields = deep_lower(answer.get("LoggingEnabled", {}))
    return {key: fields[key] for key in ("targetBucket", "targetPrefix") if key in fields}


_PARTS = (
    Part(
        name="PublicAccessBlock",
        put="put_public_access_block",
        get="get_public_access_block",
        delete="delete_public_access_block",
        write=lambda bag: {"PublicAccessBlockConfiguration": upper(bag, *_BLOCKS)},
        read=lambda answer: dict(deep_lower(answer["PublicAccessBlockConfiguration"])),
    ),
    Part(
        name="Versioning",
        put="put_bucket_versioning",
        get="get_bucket_versioning",
        write=lambda bag: {"VersioningConfiguration": deep_upper(bag["versioningConfiguration"])},
        read=lambda answer: {"versioningConfiguration": {"status": answer["Status"]}} if "Status" in answer else {},
        reset=lambda: {"VersioningConfiguration": {"Status": "Suspended"}},
    ),
    Part(
        name="ServerSideEncryptionConfiguration",
        put="put_bucket_encryption",
        get="get_bucket_encryption",
        delete="delete_bucket_encryption",
        write=_encryption,
        read=_encryption_read,
    ),
    Part(
        name="LifecycleConfiguration",
        put="put_bucket_lifecycle_configuration",
        get="get_bucket_lifecycle_configuration",
        delete="delete_bucket_lifecycle",
        write=_lifecycle,
        read=_lifecycle_read,
    ),
    Part(
        name="Policy",
        put="put_bucket_policy",
        get="get_bucket_policy",
        delete="delete_bucket_policy",
        write=lambda bag: {"Policy": bag["policy"]},
        read=lambda answer: {"policy": answer["Policy"]},
    ),
    Part(
        name="OwnershipControls",
        put="put_bucket_ownership_controls",
        get="get_bucket_ownership_controls",
        delete="delete_bucket_ownership_controls",
        write=lambda bag: {"OwnershipControls": {"Rules": [deep_upper(bag["rule"])]}},
        read=lambda answer: {"rule": deep_lower(answer["OwnershipControls"]["Rules"][0])},
    ),
    Part(
        name="Logging",
        put="put_bucket_logging",
        get="get_bucket_logging",
        write=lambda bag: {"BucketLoggingStatus": {"LoggingEnabled": upper(bag, "targetBucket", "targetPrefix")}},
        read=_logging_read,
        reset=lambda: {"BucketLoggingStatus": {}},
    ),
    Part(
        name="ObjectLockConfiguration",
        put="put_object_lock_configuration",
        get="get_object_lock_configuration",
        write=lambda bag: {
            "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": deep_upper(bag["rule"])}
        },
        read=lambda answer: deep_lower({"Rule": answer["ObjectLockConfiguration"].get("Rule")}),
    ),
)

ROWS = tuple(part.row() for part in _PARTS)
