"""The provider's functions: what a program may look up while it runs."""

from collections.abc import Callable

from tests.support.aws_provider.cloud import Cloud
from tests.support.aws_provider.values import Bag


def _caller(cloud: Cloud, args: Bag) -> Bag:
    del args
    who = cloud("sts").get_caller_identity()
    return {"id": who["Account"], "accountId": who["Account"], "arn": who["Arn"], "userId": who["UserId"]}


def _region(cloud: Cloud, args: Bag) -> Bag:
    name = args.get("region") or args.get("name") or cloud.region
    return {"id": name, "name": name, "region": name, "endpoint": f"ec2.{name}.amazonaws.com", "description": name}


def _partition(cloud: Cloud, args: Bag) -> Bag:
    del cloud, args
    names = {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com"}
    return {**names, "reverseDnsPrefix": "com.amazonaws"}


def _zones(cloud: Cloud, args: Bag) -> Bag:
    del args
    zones = cloud("ec2").describe_availability_zones()["AvailabilityZones"]
    names, ids = [one["ZoneName"] for one in zones], [one["ZoneId"] for one in zones]
    return {"id": cloud.region, "names": names, "zoneIds": ids, "groupNames": [cloud.region]}


def _parameter(cloud: Cloud, args: Bag) -> Bag:
    found = cloud("ssm").get_parameter(Name=args["name"], WithDecryption=args.get("withDecryption", True))["Parameter"]
    value = {"value": found["Value"], "insecureValue": found["Value"]}
    return {"id": args["name"], "name": args["name"], "arn": found["ARN"], "type": found["Type"], **value} | {
        "version": found["Version"]
    }


def _prefix_list(cloud: Cloud, args: Bag) -> Bag:
    wanted = [{"Name": "prefix-list-name", "Values": [args["name"]]}]
    lists = cloud("ec2").describe_managed_prefix_lists(Filters=wanted)["PrefixLists"]
    one = lists[0]
    return {"id": one["PrefixListId"], "name": one["PrefixListName"], "arn": one["PrefixListArn"], "entries": []}


def _ami(cloud: Cloud, args: Bag) -> Bag:
    question: Bag = {"Owners": args["owners"]} if args.get("owners") else {}
    question["Filters"] = [{"Name": one["name"], "Values": one["values"]} for one in args.get("filters", [])]
    images = sorted(cloud("ec2").describe_images(**question)["Images"], key=lambda one: str(one.get("CreationDate")))
    image = images[-1]
    names = {"id": image["ImageId"], "imageId": image["ImageId"], "name": image["Name"]}
    return {**names, "architecture": image["Architecture"], "rootDeviceName": image["RootDeviceName"]}


INVOKES: dict[str, Callable[[Cloud, Bag], Bag]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:ec2/getPrefixList:getPrefixList": _prefix_list,
    "aws:ec2/getAmi:getAmi": _ami,
}
