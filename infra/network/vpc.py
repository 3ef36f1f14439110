"""The network: subnets of three tiers, their routes to the internet, and a default group that allows nothing."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import ec2

from infra.label import Label
from infra.network.subnets import Nat, SubnetPlan, Tier, nat_zones, plan_subnets

_ALL_IPV4, _ALL_IPV6 = "0.0.0.0/0", "::/0"


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkArgs:
    """What a network is made from; a new zone goes to the end of `zones`, and the first has the single NAT gateway."""

    label: Label
    cidr: IPv4Network
    zones: tuple[str, ...]
    nat: Nat
    ipv6: bool


def ipv6_subnet(network: str, index: int) -> str:
    """Cut the `index`-th /64 out of the /56 that AWS gave."""
    start = IPv6Network(network)
    return str(IPv6Network((int(start.network_address) + (index << 64), 64)))


class Network(pulumi.ComponentResource):
    """A VPC with DNS, one subnet for each zone and tier, and a route table for each way out."""

    vpc_id: Output[str]
    vpc_cidr: Output[str]
    subnet_ids: dict[Tier, tuple[Output[str], ...]]
    """In the order of the zones."""
    route_table_ids: tuple[Output[str], ...]
    ipv6_cidr: Output[str] | None
    """The /56 that AWS gave; None without IPv6."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:network:Network", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        self._vpc = self._make_vpc()
        plan = plan_subnets(args.cidr, args.zones)
        subnets = {one.name: self._subnet(one) for one in plan}
        self.vpc_id = self._vpc.id
        self.vpc_cidr = self._vpc.cidr_block
        self.ipv6_cidr = self._vpc.ipv6_cidr_block if args.ipv6 else None
        self.subnet_ids = {tier: tuple(subnets[one.name].id for one in plan if one.tier is tier) for tier in Tier}
        self.route_table_ids = self._connect(plan, subnets)
        self.register_outputs({"vpc_id": self.vpc_id, "route_table_ids": list(self.route_table_ids)})

    def _make_vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=str(self._args.cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            assign_generated_ipv6_cidr_block=self._args.ipv6,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        # AWS makes every VPC with a group whose members may reach each other; adopted here, it allows nothing.
        ec2.DefaultSecurityGroup(
            f"{self._name}-default-group",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=self._tags("default-group-closed"),
            opts=self._child,
        )
        return vpc

    def _subnet(self, plan: SubnetPlan) -> ec2.Subnet:
        ipv6 = self._args.ipv6
        return ec2.Subnet(
            f"{self._name}-{plan.name}",
            vpc_id=self._vpc.id,
            cidr_block=str(plan.cidr),
            availability_zone=plan.zone,
            map_public_ip_on_launch=False,  # an ingress node asks for its public address itself
            ipv6_cidr_block=self._vpc.ipv6_cidr_block.apply(lambda cidr: ipv6_subnet(cidr, plan.ipv6_index))
            if ipv6
            else None,
            assign_ipv6_address_on_creation=ipv6,
            tags=self._tags(plan.name),
            opts=self._child,
        )

    def _connect(self, plan: tuple[SubnetPlan, ...], subnets: dict[str, ec2.Subnet]) -> tuple[Output[str], ...]:
        tables = {
            "public": self._public_routes(),
            "isolated": self._table("isolated"),
            **self._private_routes(subnets),
        }
        for one in plan:
            # Without this a subnet silently follows the VPC's main table, and no route above applies to it.
            ec2.RouteTableAssociation(
                f"{self._name}-{one.name}-routes",
                subnet_id=subnets[one.name].id,
                route_table_id=tables[one.name if one.tier is Tier.PRIVATE else one.tier].id,
                opts=self._child,
            )
        return tuple(table.id for table in tables.values())

    def _public_routes(self) -> ec2.RouteTable:
        self._gateway = ec2.InternetGateway(
            f"{self._name}-internet", vpc_id=self._vpc.id, tags=self._tags("internet"), opts=self._child
        )
        table = self._table("public")
        self._route("public-internet", table, destination_cidr_block=_ALL_IPV4, gateway_id=self._gateway.id)
        if self._args.ipv6:
            self._route("public-internet-v6", table, destination_ipv6_cidr_block=_ALL_IPV6, gateway_id=self._gateway.id)
        return table

    def _private_routes(self, subnets: dict[str, ec2.Subnet]) -> dict[str, ec2.RouteTable]:
        """Make a table for each zone even with a single NAT: a later NAT per zone then changes a route, not a table."""
        zones = self._args.zones
        tables: dict[str, ec2.RouteTable] = {}
        nats = {zone: self._nat(zone, subnets[f"public-{zone}"]) for zone in nat_zones(zones, self._args.nat)}
        egress_only = self._egress_only() if self._args.ipv6 else None
        for zone in zones:
            what = f"private-{zone}"
            table = tables[what] = self._table(what)
            if nats:
                nat = nats.get(zone, nats[zones[0]])
                self._route(f"{what}-nat", table, destination_cidr_block=_ALL_IPV4, nat_gateway_id=nat.id)
            if egress_only:
                self._route(
                    f"{what}-egress-only",
                    table,
                    destination_ipv6_cidr_block=_ALL_IPV6,
                    egress_only_gateway_id=egress_only.id,
                )
        return tables

    def _nat(self, zone: str, subnet: ec2.Subnet) -> ec2.NatGateway:
        tags = self._tags(f"nat-{zone}")
        address = ec2.Eip(f"{self._name}-nat-{zone}-address", domain="vpc", tags=tags, opts=self._child)
        return ec2.NatGateway(
            f"{self._name}-nat-{zone}",
            allocation_id=address.allocation_id,
            subnet_id=subnet.id,
            tags=tags,
            opts=ResourceOptions(parent=self, depends_on=[self._gateway]),
        )

    def _egress_only(self) -> ec2.EgressOnlyInternetGateway:
        return ec2.EgressOnlyInternetGateway(
            f"{self._name}-egress-only", vpc_id=self._vpc.id, tags=self._tags("egress-only"), opts=self._child
        )

    def _table(self, what: str) -> ec2.RouteTable:
        # Routes are resources of their own: inline ones would fight with those that the S3 endpoint adds.
        return ec2.RouteTable(
            f"{self._name}-{what}-table", vpc_id=self._vpc.id, tags=self._tags(what), opts=self._child
        )

    def _route(self, what: str, table: ec2.RouteTable, **to: pulumi.Input[str]) -> None:
        ec2.Route(f"{self._name}-{what}", route_table_id=table.id, **to, opts=self._child)

    def _tags(self, what: str) -> dict[str, str]:
        return self._args.label.tags(what)
