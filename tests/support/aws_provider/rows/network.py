"""VPC, subnets, gateways: `aws_vpc.go`, `vpc_subnet.go` and their neighbours in the Terraform provider."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, matches, replaces, to_tags, upper
from tests.support.aws_provider.values import Bag

_CIDR = matches("cidrBlock", r"\d+\.\d+\.\d+\.\d+/\d+")


def specification(kind: str, bag: Bag) -> list[dict[str, Any]]:
    """Tags as EC2 takes them at creation."""
    return [{"ResourceType": kind, "Tags": to_tags(bag["tags"])}] if bag.get("tags") else []


def tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    """Put and drop tags of anything that EC2 numbers."""
    del bag
    if put:
        cloud("ec2").create_tags(Resources=[identity], Tags=to_tags(put))
    if drop:
        cloud("ec2").delete_tags(Resources=[identity], Tags=[{"Key": key} for key in drop])


def first(cloud: Cloud, operation: str, answer: str, **question: Any) -> Any:
    """Ask EC2 for one thing; None where there is none."""
    given = found(lambda: getattr(cloud("ec2"), operation)(**question))
    return given[answer][0] if given and given[answer] else None


def _vpc_create(cloud: Cloud, bag: Bag) -> str:
    ipv6 = bool(bag.get("assignGeneratedIpv6CidrBlock"))
    made = cloud("ec2").create_vpc(
        AmazonProvidedIpv6CidrBlock=ipv6,
        TagSpecifications=specification("vpc", bag),
        **upper(bag, "cidrBlock", "instanceTenancy"),
    )
    return str(made["Vpc"]["VpcId"])


_VPC_FLAGS = ("enableDnsSupport", "enableDnsHostnames")


def _vpc_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    for flag in _VPC_FLAGS:
        if flag in bag:
            setting: dict[str, Any] = {flag[0].upper() + flag[1:]: {"Value": bag[flag]}}
            cloud("ec2").modify_vpc_attribute(VpcId=identity, **setting)


def _vpc_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    vpc = first(cloud, "describe_vpcs", "Vpcs", VpcIds=[identity])
    if vpc is None:
        return None
    ec2 = cloud("ec2")
    mine = [{"Name": "vpc-id", "Values": [identity]}]
    flags = {
        flag: ec2.describe_vpc_attribute(VpcId=identity, Attribute=flag)[flag[0].upper() + flag[1:]]["Value"]
        for flag in _VPC_FLAGS
    }
    main = ec2.describe_route_tables(Filters=[*mine, {"Name": "association.main", "Values": ["true"]}])["RouteTables"]
    groups = ec2.describe_security_groups(Filters=[*mine, {"Name": "group-name", "Values": ["default"]}])
    v6 = [one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", []) if one.get("Ipv6CidrBlock")]
    return {
        "arn": cloud.arn("ec2", f"vpc/{identity}"),
        "assignGeneratedIpv6CidrBlock": bool(v6),
        "ipv6CidrBlock": v6[0] if v6 else "",
        "mainRouteTableId": main[0]["RouteTableId"] if main else None,
        "defaultRouteTableId": main[0]["RouteTableId"] if main else None,
        "defaultSecurityGroupId": groups["SecurityGroups"][0]["GroupId"],
        "tags": from_tags(vpc.get("Tags", [])),
        **flags,
        **lower(vpc, "CidrBlock", "InstanceTenancy", "OwnerId"),
    }


def _vpc_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_vpc(VpcId=identity)


_SUBNET_SETTINGS = ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation", "enableDns64")


def _subnet_create(cloud: Cloud, bag: Bag) -> str:
    names = ("vpcId", "cidrBlock", "availabilityZone", "ipv6CidrBlock")
    made = cloud("ec2").create_subnet(TagSpecifications=specification("subnet", bag), **upper(bag, *names))
    return str(made["Subnet"]["SubnetId"])


def _subnet_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    for name in _SUBNET_SETTINGS:
        if name in bag and name != "enableDns64":  # moto refuses to set that one
            setting = {name[0].upper() + name[1:]: {"Value": bag[name]}}
            cloud("ec2").modify_subnet_attribute(SubnetId=identity, **setting)


def _subnet_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if "ipv6CidrBlock" in changed and new.get("ipv6CidrBlock"):
        cloud("ec2").associate_subnet_cidr_block(SubnetId=identity, Ipv6CidrBlock=new["ipv6CidrBlock"])


def _subnet_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    subnet = first(cloud, "describe_subnets", "Subnets", SubnetIds=[identity])
    if subnet is None:
        return None
    v6 = [one["Ipv6CidrBlock"] for one in subnet.get("Ipv6CidrBlockAssociationSet", []) if one.get("Ipv6CidrBlock")]
    names = ("VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "OwnerId")
    return {
        "arn": cloud.arn("ec2", f"subnet/{identity}"),
        "ipv6CidrBlock": v6[0] if v6 else None,
        "tags": from_tags(subnet.get("Tags", [])),
        **lower(subnet, *names),
    }


def _subnet_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_subnet(SubnetId=identity)


def _igw_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("ec2").create_internet_gateway(TagSpecifications=specification("internet-gateway", bag))
    return str(made["InternetGateway"]["InternetGatewayId"])


def _igw_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    now = _igw_read(cloud, identity, bag) or {}
    if bag.get("vpcId") and now.get("vpcId") != bag["vpcId"]:
        if now.get("vpcId"):
            cloud("ec2").detach_internet_gateway(InternetGatewayId=identity, VpcId=now["vpcId"])
        cloud("ec2").attach_internet_gateway(InternetGatewayId=identity, VpcId=bag["vpcId"])


def _igw_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    gateway = first(cloud, "describe_internet_gateways", "InternetGateways", InternetGatewayIds=[identity])
    if gateway is None:
        return None
    attached = [one["VpcId"] for one in gateway.get("Attachments", [])]
    return {
        "arn": cloud.arn("ec2", f"internet-gateway/{identity}"),
        "ownerId": cloud.account,
        "vpcId": attached[0] if attached else "",
        "tags": from_tags(gateway.get("Tags", [])),
    }


def _igw_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    now = _igw_read(cloud, identity, bag)
    if now is None:
        return
    if now["vpcId"]:
        cloud("ec2").detach_internet_gateway(InternetGatewayId=identity, VpcId=now["vpcId"])
    cloud("ec2").delete_internet_gateway(InternetGatewayId=identity)


def _eigw_create(cloud: Cloud, bag: Bag) -> str:
    tags = specification("egress-only-internet-gateway", bag)
    made = cloud("ec2").create_egress_only_internet_gateway(VpcId=bag["vpcId"], TagSpecifications=tags)
    return str(made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"])


def _eigw_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    operation = "describe_egress_only_internet_gateways"
    answer = "EgressOnlyInternetGateways"
    gateway = first(cloud, operation, answer, EgressOnlyInternetGatewayIds=[identity])
    if gateway is None:
        return None
    return {"vpcId": gateway["Attachments"][0]["VpcId"], "tags": from_tags(gateway.get("Tags", []))}


def _eigw_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=identity)


ROWS = (
    Row(
        type="aws:ec2/vpc:Vpc",
        create=_vpc_create,
        settle=_vpc_settle,
        read=_vpc_read,
        delete=_vpc_delete,
        tag=tag,
        replaces=replaces("cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength", "instanceTenancy"),
        checks=(_CIDR,),
    ),
    Row(
        type="aws:ec2/subnet:Subnet",
        create=_subnet_create,
        settle=_subnet_settle,
        update=_subnet_update,
        read=_subnet_read,
        delete=_subnet_delete,
        tag=tag,
        replaces=replaces("availabilityZone", "availabilityZoneId", "cidrBlock", "ipv6Native", "outpostArn", "vpcId"),
        required=("vpcId",),
        checks=(_CIDR,),
    ),
    Row(
        type="aws:ec2/internetGateway:InternetGateway",
        create=_igw_create,
        settle=_igw_settle,
        read=_igw_read,
        delete=_igw_delete,
        tag=tag,
    ),
    Row(
        type="aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
        create=_eigw_create,
        read=_eigw_read,
        delete=_eigw_delete,
        tag=tag,
        replaces=replaces("vpcId"),
        required=("vpcId",),
    ),
)
