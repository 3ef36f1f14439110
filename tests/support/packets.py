"""Asks a (moto) account where a packet goes: by which route, through which endpoint, past which groups.

Everything is read with boto3 from what the account holds, nothing from the program that built it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

_ANY = "-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Where a subnet's route table sends a packet."""

    kind: str
    """local, internet, nat, egress-only, s3, or nowhere."""
    target: str = ""


NOWHERE = Way(kind="nowhere")


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What the account holds of one VPC."""

    vpc: dict[str, Any]
    subnets: dict[str, dict[str, Any]]
    tables: list[dict[str, Any]]
    endpoints: list[dict[str, Any]]
    groups: dict[str, dict[str, Any]]
    gateways: set[str]
    """Internet gateways that are attached to the VPC."""
    nats: dict[str, str]
    """NAT gateways that work, and the subnet of each."""

    @classmethod
    def look(cls, ec2: Any, stack: str) -> "Account":
        """Read everything about the VPC that carries the stack's tag."""
        vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:berth:stack", "Values": [stack]}])["Vpcs"][0]
        mine = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        attached = [{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}]
        working = [*mine, {"Name": "state", "Values": ["available"]}]
        nats = ec2.describe_nat_gateways(Filters=working)["NatGateways"]
        gateways = ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]
        return cls(
            vpc=vpc,
            subnets={one["SubnetId"]: one for one in ec2.describe_subnets(Filters=mine)["Subnets"]},
            tables=ec2.describe_route_tables(Filters=mine)["RouteTables"],
            endpoints=ec2.describe_vpc_endpoints(Filters=mine)["VpcEndpoints"],
            groups={one["GroupId"]: one for one in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]},
            gateways={one["InternetGatewayId"] for one in gateways},
            nats={one["NatGatewayId"]: one["SubnetId"] for one in nats},
        )

    def tier(self, tier: str) -> list[str]:
        """Name the subnets of a tier, by the name on their tag."""
        return [key for key, one in self.subnets.items() if f"-{tier}-" in name_of(one)]

    def group(self, part: str) -> str:
        """Find a security group by the purpose on its tag."""
        return next(key for key, one in self.groups.items() if tag_of(one, "berth:part") == part)

    def table_of(self, subnet: str) -> dict[str, Any]:
        """Give a subnet's route table: its own, or the VPC's main one."""
        for table in self.tables:
            if any(one.get("SubnetId") == subnet for one in table["Associations"]):
                return table
        return next(one for one in self.tables if any(tie.get("Main") for tie in one["Associations"]))

    def way(self, subnet: str, address: str) -> Way:
        """Follow the longest prefix that matches; a NAT gateway must itself have a way out."""
        table = self.table_of(subnet)
        wanted = ip_address(address)
        matching = [route for route in table["Routes"] if _covers(route, wanted)]
        if not matching:
            return NOWHERE
        return self._target(max(matching, key=lambda route: ip_network(_destination(route)).prefixlen), address)

    def _target(self, route: dict[str, Any], address: str) -> Way:
        if nat := route.get("NatGatewayId"):
            leads_out = nat in self.nats and self.way(self.nats[nat], address).kind == "internet"
            return Way(kind="nat", target=nat) if leads_out else NOWHERE
        if gateway := route.get("EgressOnlyInternetGatewayId"):
            return Way(kind="egress-only", target=gateway)
        gateway = route.get("GatewayId", "")
        if gateway == "local":
            return Way(kind="local")
        return Way(kind="internet", target=gateway) if gateway in self.gateways else NOWHERE

    def way_to_s3(self, subnet: str) -> Way:
        """Tell whether S3 is reached through the gateway endpoint, which its table must hold."""
        table = self.table_of(subnet)["RouteTableId"]
        for one in self.endpoints:
            is_ours = one["VpcEndpointType"] == "Gateway" and one["ServiceName"].endswith(".s3")
            if is_ours and table in one.get("RouteTableIds", ()):
                return Way(kind="s3", target=one["VpcEndpointId"])
        return NOWHERE

    def interface(self, service: str) -> dict[str, Any] | None:
        """Find the interface endpoint of a service that answers under the service's own name."""
        for one in self.endpoints:
            if one["VpcEndpointType"] == "Interface" and one["ServiceName"].endswith(f".{service}"):
                return one if one["PrivateDnsEnabled"] else None
        return None

    def passes(self, source: str, target: str, port: int, protocol: str = "tcp") -> bool:
        """Whether a packet from a machine in group `source` passes both groups on its way to one in `target`."""
        out = any(source_lets(rule, target, port, protocol) for rule in self.groups[source]["IpPermissionsEgress"])
        return out and any(source_lets(rule, source, port, protocol) for rule in self.groups[target]["IpPermissions"])

    def world_enters(self, group: str) -> set[tuple[str, int, int]]:
        """List the ports (protocol, first, last) that anyone may reach in the security group."""
        return {_ports(rule) for rule in self.groups[group]["IpPermissions"] if "0.0.0.0/0" in networks(rule)}

    def leaves(self, group: str, port: int, protocol: str = "tcp") -> bool:
        """Whether a machine in the group may call the internet on this port."""
        rules = self.groups[group]["IpPermissionsEgress"]
        return any(_is_for(rule, port, protocol) and "0.0.0.0/0" in networks(rule) for rule in rules)


def networks(rule: dict[str, Any]) -> set[str]:
    """Name the networks of a rule."""
    v4 = {one["CidrIp"] for one in rule.get("IpRanges", ())}
    return v4 | {one["CidrIpv6"] for one in rule.get("Ipv6Ranges", ())}


def source_lets(rule: dict[str, Any], peer: str, port: int, protocol: str) -> bool:
    """Whether a rule names the group `peer` for this port."""
    return _is_for(rule, port, protocol) and any(one["GroupId"] == peer for one in rule.get("UserIdGroupPairs", ()))


def _is_for(rule: dict[str, Any], port: int, protocol: str) -> bool:
    if rule["IpProtocol"] == _ANY:
        return True
    return bool(rule["IpProtocol"] == protocol and rule["FromPort"] <= port <= rule["ToPort"])


def _ports(rule: dict[str, Any]) -> tuple[str, int, int]:
    return rule["IpProtocol"], rule.get("FromPort", 0), rule.get("ToPort", 65535)


def _destination(route: dict[str, Any]) -> str:
    return str(route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock"))


def _covers(route: dict[str, Any], address: Any) -> bool:
    if "DestinationCidrBlock" not in route and "DestinationIpv6CidrBlock" not in route:
        return False
    network = ip_network(_destination(route))
    return bool(network.version == address.version and address in network)


def tag_of(thing: dict[str, Any], key: str) -> str:
    """Read one tag; empty where there is none."""
    return next((str(one["Value"]) for one in thing.get("Tags", ()) if one["Key"] == key), "")


def name_of(thing: dict[str, Any]) -> str:
    """Read the name that AWS's console shows."""
    return tag_of(thing, "Name")


def everything(ec2: Any) -> Iterator[str]:
    """Name what is left in an account, without what AWS (and moto) puts into every account."""
    own = {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]}
    yield from own
    yield from (one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted")
    yield from (one["AllocationId"] for one in ec2.describe_addresses()["Addresses"])
    yield from (one["LaunchTemplateId"] for one in ec2.describe_launch_templates()["LaunchTemplates"])
    for one in ec2.describe_subnets()["Subnets"]:
        if one["VpcId"] in own:
            yield one["SubnetId"]
    for reservation in ec2.describe_instances()["Reservations"]:
        for one in reservation["Instances"]:
            if one["State"]["Name"] not in {"terminated", "shutting-down"}:
                yield one["InstanceId"]
