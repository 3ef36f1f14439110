"""Hands each part of a stack what it needs of the configuration and of the parts before it."""

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
from infra.network.firewall_plan import Reach
from infra.network.flow_logs import FlowLogs, FlowLogsArgs
from infra.network.ingress import Ingress, IngressArgs
from infra.network.ports import Who
from infra.network.subnets import Nat, Tier
from infra.network.vpc import Network, NetworkArgs
from infra.storage import Storage, StorageArgs
from nomad_jobs.model import Pool


@dataclass(frozen=True, slots=True)
class Site:
    """What is known before anything is made."""

    config: StackConfig
    account_id: str
    files: tuple[ProgramFile, ...]
    """The programs that machines run."""

    @property
    def label(self) -> Label:
        """Names and tags."""
        return Label(self.config.stack)


def network(site: Site) -> Network:
    """Subnets, routes and ways out."""
    config = site.config
    args = NetworkArgs(label=site.label, cidr=config.cidr, zones=config.zones, nat=config.nat, ipv6=config.ipv6)
    return Network("network", args)


def keys(site: Site) -> Keys:
    """KMS keys."""
    config = site.config
    args = KeysArgs(label=site.label, account_id=site.account_id, region=config.region, protect=config.protect)
    return Keys("keys", args)


def storage(site: Site, keys: Keys) -> Storage:
    """Buckets."""
    args = StorageArgs(
        label=site.label,
        account_id=site.account_id,
        region=site.config.region,
        key_arn=keys.arns["storage"],
        protect=site.config.protect,
    )
    return Storage("storage", args)


def flow_logs(site: Site, network: Network, storage: Storage) -> FlowLogs:
    """Say who tried to reach what."""
    # Made of the name, which is given once the bucket's policy lets the logs in.
    bucket_arn = Output.concat("arn:aws:s3:::", storage.buckets["logs"])
    args = FlowLogsArgs(label=site.label, vpc_id=network.vpc_id, bucket_arn=bucket_arn)
    return FlowLogs("flow", args)


def s3_endpoint(site: Site, network: Network, storage: Storage) -> S3Endpoint:
    """Lead to S3, and to our buckets alone."""
    args = S3EndpointArgs(
        label=site.label,
        region=site.config.region,
        account_id=site.account_id,
        vpc_id=network.vpc_id,
        route_table_ids=network.route_table_ids,
        bucket_arns=tuple(storage.arns.values()),
    )
    return S3Endpoint("s3", args)


def firewall(site: Site, network: Network, s3: S3Endpoint) -> Firewall:
    """Groups, and their rules from the port table."""
    config = site.config
    reach = Reach(
        nat=config.nat is not Nat.NONE,
        egress_ports=config.egress_ports,
        ipv6=config.ipv6,
        on_prem=config.on_prem_cidrs,
    )
    args = FirewallArgs(label=site.label, vpc_id=network.vpc_id, s3_prefix_list_id=s3.prefix_list_id, reach=reach)
    return Firewall("firewall", args)


def endpoints(site: Site, network: Network, firewall: Firewall) -> InterfaceEndpoints:
    """Lead to AWS's other services."""
    args = InterfaceEndpointsArgs(
        label=site.label,
        region=site.config.region,
        account_id=site.account_id,
        vpc_id=network.vpc_id,
        services=site.config.interface_endpoints,
        subnet_ids=network.subnet_ids[Tier.ISOLATED],
        security_group_id=firewall.endpoints_group_id,
    )
    return InterfaceEndpoints("endpoints", args)


def identity(site: Site, keys: Keys, storage: Storage) -> Identity:
    """Roles of machines and pipelines."""
    args = IdentityArgs(
        label=site.label,
        account_id=site.account_id,
        region=site.config.region,
        key_arns=keys.arns,
        bucket_arns=storage.arns,
        gitlab=site.config.gitlab,
    )
    return Identity("identity", args)


def programs(site: Site, storage: Storage) -> Programs:
    """What machines run, in our own bucket."""
    return Programs("programs", ProgramsArgs(label=site.label, bucket=storage.buckets["binaries"], files=site.files))


def control_plane(  # noqa: PLR0913, PLR0917 - the servers need everything that was made so far
    site: Site,
    network: Network,
    firewall: Firewall,
    keys: Keys,
    storage: Storage,
    identity: Identity,
    programs: Programs,
) -> ControlPlane:
    """Servers, where nothing leads to the internet."""
    config = site.config
    people = {"operator": identity.operator_role_arn}
    people |= {"deploy": identity.deploy_role_arn} if identity.deploy_role_arn is not None else {}
    args = ControlPlaneArgs(
        label=site.label,
        region=config.region,
        account_id=site.account_id,
        domain=config.domain,
        servers=config.servers,
        server_type=config.server_type,
        zones=config.zones,
        vpc_id=network.vpc_id,
        subnet_ids=network.subnet_ids[Tier.ISOLATED],
        group_id=firewall.groups[Who.SERVER],
        instance_profile=identity.instance_profiles[Who.SERVER],
        role_arns={**{who.value: arn for who, arn in identity.role_arns.items()}, **people},
        key_arns=keys.arns,
        bucket=storage.buckets["binaries"],
        downloads=programs.downloads,
        programs=programs.objects,
        protect=config.protect,
    )
    return ControlPlane("servers", args)


def on_premises(site: Site, storage: Storage, servers: ControlPlane) -> OnPrem | None:
    """Files for machines on the premises, where there are any."""
    if not site.config.on_prem_cidrs:
        return None
    bucket, addresses = storage.buckets["binaries"], servers.addresses
    args = OnPremArgs(label=site.label, region=site.config.region, bucket=bucket, server_addresses=addresses)
    return OnPrem("on-premises", args)


def node_pools(  # noqa: PLR0913, PLR0917 - as the servers
    site: Site,
    network: Network,
    firewall: Firewall,
    keys: Keys,
    storage: Storage,
    identity: Identity,
    programs: Programs,
    servers: ControlPlane,
) -> NodePools:
    """Nodes, once there are servers to join."""
    config = site.config
    args = NodePoolsArgs(
        label=site.label,
        region=config.region,
        account_id=site.account_id,
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


def ingress(site: Site, network: Network, pools: NodePools) -> Ingress:
    """Lead the world to NGINX."""
    config = site.config
    pool = next(pool.name for pool in config.pools if pool.role is Pool.INGRESS)
    args = IngressArgs(
        label=site.label,
        vpc_id=network.vpc_id,
        subnet_ids=list(network.subnet_ids[Tier.PUBLIC]),
        group_name=pools.groups[pool],
        domain=config.domain,
        hosted_zone_id=config.hosted_zone_id,
        ipv6=config.ipv6,
        protect=config.protect,
    )
    return Ingress("ingress", args)


def budget(site: Site) -> Budget:
    """Warn before the money is spent."""
    config = site.config
    args = BudgetArgs(label=site.label, usd_month=config.budget_usd_month, alarm_email=config.alarm_email)
    return Budget("budget", args)
