"""Addresses, NAT, route tables and routes: `ec2_eip.go`, `vpc_nat_gateway.go`, `vpc_route*.go`."""

import zlib

from tests.support.aws_provider.cloud import Cloud, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, one_of, replaces, upper
from tests.support.aws_provider.rows.network import first, specification, tag
from tests.support.aws_provider.values import Bag


def _eip_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("ec2").allocate_address(
        Domain=bag.get("domain", "vpc"), TagSpecifications=specification("elastic-ip", bag)
    )
    return str(made["AllocationId"])


def _eip_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    address = first(cloud, "describe_addresses", "Addresses", AllocationIds=[identity])
    if address is None:
        return None
    names = ("Domain", "PublicIp", "AssociationId", "NetworkInterfaceId", "PrivateIpAddress")
    fields = lower(address, *names)
    return {
        "arn": cloud.arn("ec2", f"elastic-ip/{identity}"),
        "allocationId": identity,
        "instance": address.get("InstanceId") or None,
        "networkInterface": fields.pop("networkInterfaceId", None),
        "privateIp": fields.pop("privateIpAddress", None),
        "tags": from_tags(address.get("Tags", [])),
        **fields,
    }


def _eip_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    if bag.get("instance"):
        cloud("ec2").associate_address(AllocationId=identity, InstanceId=bag["instance"])
    elif bag.get("networkInterface"):
        cloud("ec2").associate_address(AllocationId=identity, NetworkInterfaceId=bag["networkInterface"])


def _eip_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    now = _eip_read(cloud, identity, bag)
    if now is None:
        return
    if now.get("associationId"):
        with gone_is_fine():
            cloud("ec2").disassociate_address(AssociationId=now["associationId"])
    cloud("ec2").release_address(AllocationId=identity)


def _nat_create(cloud: Cloud, bag: Bag) -> str:
    names = ("allocationId", "subnetId", "connectivityType")
    made = cloud("ec2").create_nat_gateway(TagSpecifications=specification("natgateway", bag), **upper(bag, *names))
    return str(made["NatGateway"]["NatGatewayId"])


def _nat_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    gateway = first(cloud, "describe_nat_gateways", "NatGateways", NatGatewayIds=[identity])
    if gateway is None or gateway["State"] in {"deleted", "deleting"}:
        return None
    address = (gateway.get("NatGatewayAddresses") or [{}])[0]
    fields = lower(address, "AllocationId", "NetworkInterfaceId", "PrivateIp", "PublicIp")
    fields |= lower(gateway, "SubnetId", "ConnectivityType")
    return {**fields, "tags": from_tags(gateway.get("Tags", []))}


def _nat_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_nat_gateway(NatGatewayId=identity)


def _table_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("ec2").create_route_table(VpcId=bag["vpcId"], TagSpecifications=specification("route-table", bag))
    return str(made["RouteTable"]["RouteTableId"])


def _table_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    table = first(cloud, "describe_route_tables", "RouteTables", RouteTableIds=[identity])
    if table is None:
        return None
    return {
        "arn": cloud.arn("ec2", f"route-table/{identity}"),
        "vpcId": table["VpcId"],
        "ownerId": cloud.account,
        "tags": from_tags(table.get("Tags", [])),
    }


def _table_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_route_table(RouteTableId=identity)


def _association_create(cloud: Cloud, bag: Bag) -> str:
    names = ("routeTableId", "subnetId", "gatewayId")
    return str(cloud("ec2").associate_route_table(**upper(bag, *names))["AssociationId"])


def _association_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    """Find it by what it ties together: changing its table gives it another ID, of which the engine hears nothing."""
    for table in cloud.remember("tables", lambda: cloud("ec2").describe_route_tables()["RouteTables"]):
        for one in table["Associations"]:
            here = bag.get("subnetId") and one.get("SubnetId") == bag["subnetId"]
            if here or one["RouteTableAssociationId"] == identity:
                fields = lower(one, "RouteTableId", "SubnetId", "GatewayId")
                return {**fields, "associationId": one["RouteTableAssociationId"]}
    return None


def _association_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    if "routeTableId" in changed:
        now = _association_read(cloud, identity, old) or {"associationId": identity}
        cloud("ec2").replace_route_table_association(
            AssociationId=now["associationId"], RouteTableId=new["routeTableId"]
        )


def _association_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    if now := _association_read(cloud, identity, bag):
        with gone_is_fine():
            cloud("ec2").disassociate_route_table(AssociationId=now["associationId"])


_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
_TARGETS = (
    "gatewayId",
    "natGatewayId",
    "egressOnlyGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)


def _route_call(bag: Bag) -> dict[str, str]:
    call = upper(bag, "routeTableId", *_DESTINATIONS, *_TARGETS)
    if "egressOnlyGatewayId" in bag:
        call["EgressOnlyInternetGatewayId"] = call.pop("EgressOnlyGatewayId")
    return call


def _route_create(cloud: Cloud, bag: Bag) -> str:
    cloud("ec2").create_route(**_route_call(bag))
    destination = next(bag[name] for name in _DESTINATIONS if name in bag)
    return f"r-{bag['routeTableId']}{zlib.crc32(destination.encode())}"


def _route_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del identity, old
    if changed & set(_TARGETS):
        cloud("ec2").replace_route(**_route_call(new))


def _route_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del identity
    table = first(cloud, "describe_route_tables", "RouteTables", RouteTableIds=[bag["routeTableId"]])
    name = next(one for one in _DESTINATIONS if bag.get(one))
    for route in table["Routes"] if table else ():
        if route.get(name[0].upper() + name[1:]) == bag[name]:
            fields = lower(route, *(one[0].upper() + one[1:] for one in (*_DESTINATIONS, *_TARGETS)), "State")
            if "EgressOnlyInternetGatewayId" in route:
                fields["egressOnlyGatewayId"] = route["EgressOnlyInternetGatewayId"]
            return {**fields, "routeTableId": bag["routeTableId"]}
    return None


def _route_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del identity
    with gone_is_fine():
        cloud("ec2").delete_route(**upper(bag, "routeTableId", *_DESTINATIONS))


ROWS = (
    Row(
        type="aws:ec2/eip:Eip",
        create=_eip_create,
        settle=_eip_settle,
        read=_eip_read,
        delete=_eip_delete,
        tag=tag,
        replaces=replaces("domain", "address", "publicIpv4Pool", "networkBorderGroup", "customerOwnedIpv4Pool"),
    ),
    Row(
        type="aws:ec2/natGateway:NatGateway",
        create=_nat_create,
        read=_nat_read,
        delete=_nat_delete,
        tag=tag,
        replaces=replaces("allocationId", "connectivityType", "privateIp", "subnetId"),
    ),
    Row(
        type="aws:ec2/routeTable:RouteTable",
        create=_table_create,
        read=_table_read,
        delete=_table_delete,
        tag=tag,
        replaces=replaces("vpcId"),
        required=("vpcId",),
    ),
    Row(
        type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        create=_association_create,
        update=_association_update,
        read=_association_read,
        delete=_association_delete,
        replaces=replaces("subnetId", "gatewayId"),
        required=("routeTableId",),
        checks=(one_of("subnetId", "gatewayId"),),
    ),
    Row(
        type="aws:ec2/route:Route",
        create=_route_create,
        update=_route_update,
        read=_route_read,
        delete=_route_delete,
        replaces=replaces("routeTableId", *_DESTINATIONS),
        required=("routeTableId",),
        checks=(one_of(*_DESTINATIONS), one_of(*_TARGETS)),
    ),
)
