"""VPC endpoints and flow logs: `vpc_endpoint.go`, `vpc_endpoint_route_table_association.go`, `vpc_flow_log.go`."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, replaces, upper
from tests.support.aws_provider.rows.network import first, specification, tag
from tests.support.aws_provider.values import Bag

_LISTS = {"routeTableIds": "RouteTableIds", "subnetIds": "SubnetIds", "securityGroupIds": "SecurityGroupIds"}


def _create(cloud: Cloud, bag: Bag) -> str:
    names = ("vpcId", "serviceName", "vpcEndpointType", "privateDnsEnabled", *_LISTS)
    call = upper(bag, *names)
    if "policy" in bag:
        call["PolicyDocument"] = bag["policy"]
    made = cloud("ec2").create_vpc_endpoint(TagSpecifications=specification("vpc-endpoint", bag), **call)
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    endpoint = first(cloud, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[identity])
    if endpoint is None or endpoint.get("State") == "deleted":
        return None
    names = ("VpcId", "ServiceName", "VpcEndpointType", "PrivateDnsEnabled", "State", "RouteTableIds", "SubnetIds")
    fields = lower(endpoint, *names, "NetworkInterfaceIds", "OwnerId")
    lists = cloud("ec2").describe_managed_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": [endpoint["ServiceName"]]}]
    )["PrefixLists"]
    return {
        "arn": cloud.arn("ec2", f"vpc-endpoint/{identity}"),
        "policy": endpoint.get("PolicyDocument"),
        "securityGroupIds": [one["GroupId"] for one in endpoint.get("Groups", [])],
        "dnsEntries": [lower(one, "DnsName", "HostedZoneId") for one in endpoint.get("DnsEntries", [])],
        "prefixListId": lists[0]["PrefixListId"] if lists else "",
        "cidrBlocks": [],
        "tags": from_tags(endpoint.get("Tags", [])),
        **fields,
    }


def _update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    call: dict[str, Any] = {}
    for name, aws in _LISTS.items():
        if name in changed:
            before, after = set(old.get(name, ())), set(new.get(name, ()))
            call |= {f"Add{aws}": sorted(after - before), f"Remove{aws}": sorted(before - after)}
    if "policy" in changed:
        call["PolicyDocument"] = new["policy"]
    if "privateDnsEnabled" in changed:
        call["PrivateDnsEnabled"] = new["privateDnsEnabled"]
    if call := {key: value for key, value in call.items() if value != []}:
        cloud("ec2").modify_vpc_endpoint(VpcEndpointId=identity, **call)


def _delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    with gone_is_fine():
        if tables := (_read(cloud, identity, bag) or {}).get("routeTableIds"):
            # moto puts a route into the tables of the first hour only, and falls over the others at the end
            cloud("ec2").modify_vpc_endpoint(VpcEndpointId=identity, RemoveRouteTableIds=tables)
        cloud("ec2").delete_vpc_endpoints(VpcEndpointIds=[identity])


def _tie_create(cloud: Cloud, bag: Bag) -> str:
    endpoint, table = bag["vpcEndpointId"], bag["routeTableId"]
    cloud("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[table])
    return f"a-{endpoint}{table}"


def _tie_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del identity
    endpoint = _read(cloud, bag["vpcEndpointId"], {})
    if endpoint is None or bag["routeTableId"] not in endpoint.get("routeTableIds", ()):
        return None
    return {"vpcEndpointId": bag["vpcEndpointId"], "routeTableId": bag["routeTableId"]}


def _tie_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del identity
    with gone_is_fine():
        cloud("ec2").modify_vpc_endpoint(VpcEndpointId=bag["vpcEndpointId"], RemoveRouteTableIds=[bag["routeTableId"]])


_WATCHED = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface"}
_LOG = ("trafficType", "logDestination", "logDestinationType", "logFormat", "maxAggregationInterval")


def _log_create(cloud: Cloud, bag: Bag) -> str:
    name = next(one for one in _WATCHED if one in bag)
    call = upper(bag, *_LOG)
    if "iamRoleArn" in bag:
        call["DeliverLogsPermissionArn"] = bag["iamRoleArn"]
    if "destinationOptions" in bag:
        call["DestinationOptions"] = upper(
            bag["destinationOptions"], "fileFormat", "hiveCompatiblePartitions", "perHourPartition"
        )
    if bag.get("logDestinationType") == "s3":
        # moto knows buckets as destinations, not folders in them
        call["LogDestination"] = ":".join(call["LogDestination"].split(":")[:6]).split("/")[0]
    tags = specification("vpc-flow-log", bag)
    made = cloud("ec2").create_flow_logs(
        ResourceIds=[bag[name]], ResourceType=_WATCHED[name], TagSpecifications=tags, **call
    )
    if made["Unsuccessful"]:
        raise ValueError(made["Unsuccessful"])
    return str(made["FlowLogIds"][0])


def _log_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    log = first(cloud, "describe_flow_logs", "FlowLogs", FlowLogIds=[identity])
    if log is None:
        return None
    name = next(one for one in _WATCHED if one in bag)
    return {
        "arn": cloud.arn("ec2", f"vpc-flow-log/{identity}"),
        name: log["ResourceId"],
        "tags": from_tags(log.get("Tags", [])),
        **lower(log, *(one[0].upper() + one[1:] for one in _LOG)),
    }


def _log_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_flow_logs(FlowLogIds=[identity])


ROWS = (
    Row(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        create=_create,
        update=_update,
        read=_read,
        delete=_delete,
        tag=tag,
        replaces=replaces("serviceName", "serviceRegion", "vpcId", "vpcEndpointType"),
        required=("vpcId",),
    ),
    Row(
        type="aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation",
        create=_tie_create,
        read=_tie_read,
        delete=_tie_delete,
        replaces=replaces("vpcEndpointId", "routeTableId"),
        required=("vpcEndpointId", "routeTableId"),
    ),
    Row(
        type="aws:ec2/flowLog:FlowLog",
        create=_log_create,
        read=_log_read,
        delete=_log_delete,
        tag=tag,
        replaces=replaces(*_LOG, *_WATCHED, "iamRoleArn", "destinationOptions"),
    ),
)
