"""Buckets and objects: `s3/bucket.go`, `s3/object.go`."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, matches, replaces, to_tags
from tests.support.aws_provider.values import Bag

_NAME = r"(?!xn--|sthree-)(?!.*-s3alias$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""AWS's rules for a bucket's name."""
_FIRST_REGION = "us-east-1"
"""The one region that must not be named when a bucket is made."""


def _create(cloud: Cloud, bag: Bag) -> str:
    place = {} if cloud.region == _FIRST_REGION else {"LocationConstraint": cloud.region}
    call: dict[str, Any] = {"CreateBucketConfiguration": place} if place else {}
    if bag.get("objectLockEnabled"):
        call["ObjectLockEnabledForBucket"] = True
    cloud("s3").create_bucket(Bucket=bag["bucket"], **call)
    return str(bag["bucket"])


def _finish(cloud: Cloud, identity: str, bag: Bag) -> None:
    if bag.get("tags"):
        cloud("s3").put_bucket_tagging(Bucket=identity, Tagging={"TagSet": to_tags(bag["tags"])})


def _read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    s3 = cloud("s3")
    if found(lambda: s3.head_bucket(Bucket=identity)) is None:
        return None
    tagging = found(lambda: s3.get_bucket_tagging(Bucket=identity)) or {"TagSet": []}
    lock = found(lambda: s3.get_object_lock_configuration(Bucket=identity))
    domain = f"{identity}.s3.{cloud.region}.amazonaws.com"
    return {
        "arn": f"arn:aws:s3:::{identity}",
        "bucket": identity,
        "bucketDomainName": f"{identity}.s3.amazonaws.com",
        "bucketRegionalDomainName": domain,
        "bucketRegion": cloud.region,
        "objectLockEnabled": lock is not None,
        "tags": from_tags(tagging["TagSet"]),
    }


def _delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    s3 = cloud("s3")
    with gone_is_fine():
        if bag.get("forceDestroy"):
            _empty(s3, identity)
        s3.delete_bucket(Bucket=identity)


def _empty(s3: Any, bucket: str) -> None:
    listing = s3.list_object_versions(Bucket=bucket)
    for one in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"], BypassGovernanceRetention=True)


def _tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del put, drop
    if bag.get("tags"):
        cloud("s3").put_bucket_tagging(Bucket=identity, Tagging={"TagSet": to_tags(bag["tags"])})
    else:
        cloud("s3").delete_bucket_tagging(Bucket=identity)


def _body(bag: Bag) -> bytes:
    if "contentBase64" in bag:
        return base64.b64decode(bag["contentBase64"])
    source = bag.get("source")
    if isinstance(source, Mapping):
        return Path(source["path"]).read_bytes() if "path" in source else str(source.get("text", "")).encode()
    return str(bag.get("content", "")).encode()


def _object_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    del identity
    call: dict[str, Any] = {}
    if "kmsKeyId" in bag:
        call |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": bag["kmsKeyId"]}
    elif "serverSideEncryption" in bag:
        call["ServerSideEncryption"] = bag["serverSideEncryption"]
    if "contentType" in bag:
        call["ContentType"] = bag["contentType"]
    if bag.get("tags"):
        call["Tagging"] = urlencode(bag["tags"])
    cloud("s3").put_object(Bucket=bag["bucket"], Key=bag["key"], Body=_body(bag), **call)


def _object_create(cloud: Cloud, bag: Bag) -> str:
    _object_settle(cloud, "", bag)
    return str(bag["key"])


def _object_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    s3 = cloud("s3")
    place = {"Bucket": bag["bucket"], "Key": identity}
    head = found(lambda: s3.head_object(**place))
    if head is None:
        return None
    return {
        "bucket": bag["bucket"],
        "key": identity,
        "arn": f"arn:aws:s3:::{bag['bucket']}/{identity}",
        "etag": str(head["ETag"]).strip('"'),
        "tags": from_tags(s3.get_object_tagging(**place)["TagSet"]),
        "versionId": head.get("VersionId", ""),
        "contentType": head.get("ContentType"),
        "serverSideEncryption": head.get("ServerSideEncryption"),
        "kmsKeyId": head.get("SSEKMSKeyId"),
    }


def _object_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    s3 = cloud("s3")
    with gone_is_fine():
        listing = s3.list_object_versions(Bucket=bag["bucket"], Prefix=identity)
        for one in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ())):
            if one["Key"] == identity:
                s3.delete_object(Bucket=bag["bucket"], Key=identity, VersionId=one["VersionId"])


ROWS = (
    Row(
        type="aws:s3/bucket:Bucket",
        create=_create,
        finish=_finish,
        read=_read,
        delete=_delete,
        tag=_tag,
        replaces=replaces("bucket", "bucketPrefix", "objectLockEnabled"),
        local=frozenset({"forceDestroy"}),
        auto_name="bucket",
        name_length=63,
        checks=(matches("bucket", _NAME),),
    ),
    Row(
        type="aws:s3/bucketObjectv2:BucketObjectv2",
        create=_object_create,
        settle=_object_settle,
        read=_object_read,
        delete=_object_delete,
        replaces=replaces("bucket", "key"),
        local=frozenset({"source", "content", "contentBase64", "forceDestroy"}),  # the bytes; AWS tells their ETag
        required=("bucket", "key"),
    ),
)
