"""Builds each component from the configuration and from the components before it."""

from dataclasses import dataclass

from pulumi import Output

from infra.access.keys import Keys, KeysArgs
from infra.access.roles import Identity, IdentityArgs
from infra.budget import Budget, BudgetArgs
from infra.compute.control_plane import ControlPlane, ControlPlaneArgs
from infra.compute.node_pools import NodePools, NodePoolsArgs
from infra.compute.on_prem import OnPrem, OnPremArgs
from infra.compute.program_files import ProgramFile
from infra.compute.programs import Programs, ProgramsArgs
from infra.config.stack import StackConfig
from infra.label import Label
from infra.network.endpoints import InterfaceEndpoints, InterfaceEndpointsArgs, S3Endpoint, S3EndpointArgs
from infra.network.firewall import Firewall, FirewallArgs
from infra.network.firewall_plan import FirewallScope
from infra.network.flow_logs import FlowLogs, FlowLogsArgs
from infra.network.ingress import Ingress, IngressArgs
from infra.network.ports import MachineKind
from infra.network.subnets import Nat, Tier
from infra.network.vpc import Network, NetworkArgs
from infra.storage import Storage, StorageArgs
from nomad_jobs.model import PoolKind


@dataclass(frozen=True, slots=True)
class StackInputs:
    """What the program knows before it makes anything."""

    config: StackConfig
    account_id: str
    files: tuple[ProgramFile, ...]
    """The programs that machines run."""

    @property
    def label(self) -> Label:
        """Names and tags of the stack."""
        return Label(self.config.stack)


def network(inputs: StackInputs) -> Network:
    """Create the VPC, its subnets, route tables and gateways."""
    config = inputs.config
    args = NetworkArgs(label=inputs.label, cidr=config.cidr, zones=config.zones, nat=config.nat, ipv6=config.ipv6)
    return Network("network", args)


def keys(inputs: StackInputs) -> Keys:
    """Create the KMS keys."""
    config = inputs.config
    args = KeysArgs(label=inputs.label, account_id=inputs.account_id, region=config.region, protect=config.protect)
    return Keys("keys", args)


def storage(inputs: StackInputs, keys: Keys) -> Storage:
    """Create the buckets."""
    args = StorageArgs(
        label=inputs.label,
        account_id=inputs.account_id,
        region=inputs.config.region,
        key_arn=keys.arns["storage"],
        protect=inputs.config.protect,
    )
    return Storage("storage", args)


def flow_logs(inputs: StackInputs, network: Network, storage: Storage) -> FlowLogs:
    """Turn on VPC flow logs."""
    # `buckets` gives a name once the bucket's policy allows AWS to deliver the logs, so the ARN is made from it.
    bucket_arn = Output.concat("arn:aws:s3:::", storage.buckets["logs"])
    args = FlowLogsArgs(label=inputs.label, vpc_id=network.vpc_id, bucket_arn=bucket_arn)
    return FlowLogs("flow", args)


def s3_endpoint(inputs: StackInputs, network: Network, storage: Storage) -> S3Endpoint:
    """Create the S3 endpoint, which allows only our buckets and those that booting needs."""
    args = S3EndpointArgs(
        label=inputs.label,
        region=inputs.config.region,
        account_id=inputs.account_id,
        vpc_id=network.vpc_id,
        route_table_ids=network.route_table_ids,
        bucket_arns=tuple(storage.arns.values()),
    )
    return S3Endpoint("s3", args)


def firewall(inputs: StackInputs, network: Network, s3: S3Endpoint) -> Firewall:
    """Create the security groups, and their rules from the port table."""
    config = inputs.config
    scope = FirewallScope(
        nat=config.nat is not Nat.NONE,
        egress_ports=config.egress_ports,
        ipv6=config.ipv6,
        on_prem=config.on_prem_cidrs,
        provider=(config.people.network, config.people.port) if config.people else None,
    )
    args = FirewallArgs(label=inputs.label, vpc_id=network.vpc_id, s3_prefix_list_id=s3.prefix_list_id, scope=scope)
    return Firewall("firewall", args)


def endpoints(inputs: StackInputs, network: Network, firewall: Firewall) -> InterfaceEndpoints:
    """Create the endpoints of AWS's other services."""
    args = InterfaceEndpointsArgs(
        label=inputs.label,
        region=inputs.config.region,
        account_id=inputs.account_id,
        vpc_id=network.vpc_id,
        services=inputs.config.interface_endpoints,
        subnet_ids=network.subnet_ids[Tier.ISOLATED],
        security_group_id=firewall.endpoints_group_id,
    )
    return InterfaceEndpoints("endpoints", args)


def identity(inputs: StackInputs, keys: Keys, storage: Storage) -> Identity:
    """Create the IAM roles of machines, people and pipelines."""
    args = IdentityArgs(
        label=inputs.label,
        account_id=inputs.account_id,
        region=inputs.config.region,
        key_arns=keys.arns,
        bucket_arns=storage.arns,
        gitlab=inputs.config.gitlab,
    )
    return Identity("identity", args)


def programs(inputs: StackInputs, storage: Storage) -> Programs:
    """Upload the programs that machines run."""
    return Programs(
        "programs", ProgramsArgs(label=inputs.label, bucket=storage.buckets["binaries"], files=inputs.files)
    )


def control_plane(  # noqa: PLR0913 - the servers need everything that was made so far
    inputs: StackInputs,
    network: Network,
    firewall: Firewall,
    keys: Keys,
    storage: Storage,
    identity: Identity,
    programs: Programs,
) -> ControlPlane:
    """Create the servers, in subnets without a route to the internet."""
    config = inputs.config
    args = ControlPlaneArgs(
        label=inputs.label,
        region=config.region,
        account_id=inputs.account_id,
        domain=config.domain,
        servers=config.servers,
        server_type=config.server_type,
        zones=config.zones,
        vpc_id=network.vpc_id,
        subnet_ids=network.subnet_ids[Tier.ISOLATED],
        group_id=firewall.groups[MachineKind.SERVER],
        instance_profile=identity.instance_profiles[MachineKind.SERVER],
        role_arns=identity.login_arns,
        key_arns=keys.arns,
        bucket=storage.buckets["binaries"],
        downloads=programs.downloads,
        programs=programs.objects,
        protect=config.protect,
    )
    return ControlPlane("servers", args)


def on_premises(inputs: StackInputs, storage: Storage, servers: ControlPlane) -> OnPrem | None:
    """Write the files for machines on the premises, if the stack has any."""
    if not inputs.config.on_prem_cidrs:
        return None
    args = OnPremArgs(
        label=inputs.label,
        region=inputs.config.region,
        bucket=storage.buckets["binaries"],
        server_addresses=servers.addresses,
    )
    return OnPrem("on-premises", args)


def node_pools(  # noqa: PLR0913 - as the servers
    inputs: StackInputs,
    network: Network,
    firewall: Firewall,
    keys: Keys,
    storage: Storage,
    identity: Identity,
    programs: Programs,
    servers: ControlPlane,
) -> NodePools:
    """Create the node pools, after the servers that they join."""
    config = inputs.config
    args = NodePoolsArgs(
        label=inputs.label,
        region=config.region,
        account_id=inputs.account_id,
        domain=config.domain,
        pools=config.pools,
        zones=config.zones,
        vpc_id=network.vpc_id,
        subnet_ids=network.subnet_ids,
        group_ids=firewall.groups,
        instance_profiles=identity.instance_profiles,
        key_arns=keys.arns,
        bucket=storage.buckets["binaries"],
        downloads=programs.downloads,
        ready=(*programs.objects, *servers.ready),
    )
    return NodePools("pools", args)


def ingress(inputs: StackInputs, network: Network, pools: NodePools) -> Ingress:
    """Create the public load balancer in front of NGINX."""
    config = inputs.config
    pool = next(pool.name for pool in config.pools if pool.role is PoolKind.INGRESS)
    args = IngressArgs(
        label=inputs.label,
        vpc_id=network.vpc_id,
        subnet_ids=list(network.subnet_ids[Tier.PUBLIC]),
        group_name=pools.groups[pool],
        domain=config.domain,
        hosted_zone_id=config.hosted_zone_id,
        ipv6=config.ipv6,
        protect=config.protect,
    )
    return Ingress("ingress", args)


def budget(inputs: StackInputs) -> Budget:
    """Create the budget's alarm."""
    config = inputs.config
    args = BudgetArgs(label=inputs.label, usd_month=config.budget_usd_month, alarm_email=config.alarm_email)
    return Budget("budget", args)
