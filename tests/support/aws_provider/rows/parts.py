"""What machines are put together from: network interfaces and volumes: `vpc_network_interface.go`, `ebs_volume.go`."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, replaces, upper
from tests.support.aws_provider.rows.network import first, specification, tag
from tests.support.aws_provider.values import Bag


def _card_create(cloud: Cloud, bag: Bag) -> str:
    call: dict[str, Any] = upper(bag, "subnetId", "description", "interfaceType")
    if "securityGroups" in bag:
        call["Groups"] = bag["securityGroups"]
    if bag.get("privateIps"):
        call["PrivateIpAddress"] = bag["privateIps"][0]
    tags = specification("network-interface", bag)
    return str(
        cloud("ec2").create_network_interface(TagSpecifications=tags, **call)["NetworkInterface"]["NetworkInterfaceId"]
    )


def _card_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    if "sourceDestCheck" in bag:
        check = {"Value": bag["sourceDestCheck"]}
        cloud("ec2").modify_network_interface_attribute(NetworkInterfaceId=identity, SourceDestCheck=check)


def _card_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if "securityGroups" in changed:
        cloud("ec2").modify_network_interface_attribute(NetworkInterfaceId=identity, Groups=new["securityGroups"])


def _card_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    card = first(cloud, "describe_network_interfaces", "NetworkInterfaces", NetworkInterfaceIds=[identity])
    if card is None:
        return None
    return {
        "arn": cloud.arn("ec2", f"network-interface/{identity}"),
        "securityGroups": [one["GroupId"] for one in card["Groups"]],
        "privateIp": card["PrivateIpAddress"],
        "privateIps": [one["PrivateIpAddress"] for one in card["PrivateIpAddresses"]],
        "tags": from_tags(card.get("TagSet", [])),
        **lower(card, "SubnetId", "Description", "SourceDestCheck", "MacAddress", "InterfaceType", "PrivateDnsName"),
    }


def _card_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_network_interface(NetworkInterfaceId=identity)


def _volume_create(cloud: Cloud, bag: Bag) -> str:
    call: dict[str, Any] = upper(bag, "availabilityZone", "size", "encrypted", "kmsKeyId", "iops", "throughput")
    if "type" in bag:
        call["VolumeType"] = bag["type"]
    return str(cloud("ec2").create_volume(TagSpecifications=specification("volume", bag), **call)["VolumeId"])


def _volume_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if changed & {"size", "type", "iops", "throughput"}:
        call: dict[str, Any] = upper(new, "size", "iops", "throughput")
        cloud("ec2").modify_volume(VolumeId=identity, VolumeType=new.get("type", "gp2"), **call)


def _volume_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    volume = first(cloud, "describe_volumes", "Volumes", VolumeIds=[identity])
    if volume is None:
        return None
    return {
        "arn": cloud.arn("ec2", f"volume/{identity}"),
        "type": volume["VolumeType"],
        "tags": from_tags(volume.get("Tags", [])),
        **lower(volume, "AvailabilityZone", "Size", "Encrypted", "KmsKeyId", "Iops", "Throughput"),
    }


def _volume_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_volume(VolumeId=identity)


ROWS = (
    Row(
        type="aws:ec2/networkInterface:NetworkInterface",
        create=_card_create,
        settle=_card_settle,
        update=_card_update,
        read=_card_read,
        delete=_card_delete,
        tag=tag,
        replaces=replaces("subnetId", "interfaceType"),
        required=("subnetId",),
    ),
    Row(
        type="aws:ebs/volume:Volume",
        create=_volume_create,
        update=_volume_update,
        read=_volume_read,
        delete=_volume_delete,
        tag=tag,
        replaces=replaces("availabilityZone", "encrypted", "kmsKeyId", "snapshotId", "multiAttachEnabled"),
        required=("availabilityZone",),
    ),
)
