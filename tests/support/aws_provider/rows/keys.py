"""KMS keys and aliases: `kms/key.go`, `kms/alias.go`."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, matches, replaces, upper
from tests.support.aws_provider.values import Bag

_NO_PERIOD = 365
"""Days between rotations where none is asked for."""


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


def _create(cloud: Cloud, bag: Bag) -> str:
    call: dict[str, Any] = upper(bag, "description", "policy", "keyUsage", "multiRegion")
    if "customerMasterKeySpec" in bag:
        call["KeySpec"] = bag["customerMasterKeySpec"]
    made = cloud("kms").create_key(Tags=_tags(bag.get("tags", {})), **call)
    return str(made["KeyMetadata"]["KeyId"])


def _settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    kms = cloud("kms")
    if bag.get("enableKeyRotation"):
        period = bag.get("rotationPeriodInDays", _NO_PERIOD)
        kms.enable_key_rotation(KeyId=identity, RotationPeriodInDays=period)
    elif bag.get("enableKeyRotation") is False:
        kms.disable_key_rotation(KeyId=identity)
    if "isEnabled" in bag:
        (kms.enable_key if bag["isEnabled"] else kms.disable_key)(KeyId=identity)


def _update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if "policy" in changed:
        cloud("kms").put_key_policy(KeyId=identity, PolicyName="default", Policy=new["policy"])
    if "description" in changed:
        cloud("kms").update_key_description(KeyId=identity, Description=new.get("description", ""))


def _read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    kms = cloud("kms")
    answer = found(lambda: kms.describe_key(KeyId=identity))
    if answer is None or answer["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return None
    key = answer["KeyMetadata"]
    rotation = kms.get_key_rotation_status(KeyId=identity)
    on = rotation["KeyRotationEnabled"]
    return {
        "arn": key["Arn"],
        "keyId": identity,
        "description": key.get("Description", ""),
        "keyUsage": key.get("KeyUsage"),
        "customerMasterKeySpec": key["KeySpec"],
        "multiRegion": key.get("MultiRegion", False),
        "isEnabled": key["Enabled"],
        "enableKeyRotation": on,
        "rotationPeriodInDays": rotation.get("RotationPeriodInDays", _NO_PERIOD) if on else None,
        "policy": kms.get_key_policy(KeyId=identity, PolicyName="default")["Policy"],
        "tags": {one["TagKey"]: one["TagValue"] for one in kms.list_resource_tags(KeyId=identity)["Tags"]},
    }


def _delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    if _read(cloud, identity, bag) is not None:
        cloud("kms").schedule_key_deletion(KeyId=identity, PendingWindowInDays=bag.get("deletionWindowInDays", 30))


def _tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del bag
    if put:
        cloud("kms").tag_resource(KeyId=identity, Tags=_tags(put))
    if drop:
        cloud("kms").untag_resource(KeyId=identity, TagKeys=drop)


def _alias_create(cloud: Cloud, bag: Bag) -> str:
    cloud("kms").create_alias(AliasName=bag["name"], TargetKeyId=bag["targetKeyId"])
    return str(bag["name"])


def _alias_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if "targetKeyId" in changed:
        cloud("kms").update_alias(AliasName=identity, TargetKeyId=new["targetKeyId"])


def _alias_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    for one in cloud("kms").list_aliases(Limit=100)["Aliases"]:
        if one["AliasName"] == identity:
            target = one["TargetKeyId"]
            key_arn = cloud.arn("kms", f"key/{target}")
            wanted = key_arn if str(bag.get("targetKeyId", "")).startswith("arn:") else target
            return {"name": identity, "arn": one["AliasArn"], "targetKeyId": wanted, "targetKeyArn": key_arn}
    return None


def _alias_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("kms").delete_alias(AliasName=identity)


ROWS = (
    Row(
        type="aws:kms/key:Key",
        create=_create,
        settle=_settle,
        update=_update,
        read=_read,
        delete=_delete,
        tag=_tag,
        local=frozenset({"deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"}),
        replaces=replaces("keyUsage", "customerMasterKeySpec", "multiRegion", "customKeyStoreId", "xksKeyId"),
    ),
    Row(
        type="aws:kms/alias:Alias",
        create=_alias_create,
        update=_alias_update,
        read=_alias_read,
        delete=_alias_delete,
        replaces=replaces("name", "namePrefix"),
        required=("name", "targetKeyId"),
        checks=(matches("name", r"alias/(?!aws/)[a-zA-Z0-9/_-]+"),),
    ),
)
