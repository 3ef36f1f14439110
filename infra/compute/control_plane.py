"""The servers of Consul, Nomad and Vault: each slot keeps its data and its address.

Vault's Raft does not survive a changed address, and the only server of a small stack must not lose its data with its
machine. So a slot has a network interface and a volume, and an auto scaling group whose one instance attaches both. A
change replaces one server after the other; each time Pulumi waits until the new one is a healthy voter of all three
clusters, while the rest keep quorum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import autoscaling, ebs, ec2, route53

from infra.compute.agent_configs import ServerBoot, private_zone, server_name
from infra.compute.disks import SERVER_DATA_GB, SERVER_ROOT_GB
from infra.compute.launch import METADATA, PLAIN_IMAGE, Disk, LaunchArgs, encoded, group_tags, hooks, root_disk, tagged
from infra.compute.program_files import AGENT_VERSIONS
from infra.compute.user_data import server_user_data
from infra.holdings.names import JOINS_TAG, ROLE_TAG
from infra.label import Label
from infra.network.ports import BY_NAME, MachineKind

_READY_S = 1800
_GONE_S = 300
_NAMES = ("consul", "nomad", "vault")
_TTL_S = 30
_SERVER_ZONES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerPlan:
    """The slot of a server, and its availability zone."""

    slot: int
    zone: str
    zone_index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlPlaneArgs(LaunchArgs):
    """Where the servers are, what they may do, and what they run."""

    servers: int
    server_type: str
    zones: Sequence[str]
    subnet_ids: Sequence[Input[str]]
    """One for each zone, in order."""
    group_id: Input[str]
    """Security group of the servers."""
    instance_profile: Input[str]
    role_arns: Mapping[str, Input[str]]
    """IAM roles of machines, people and pipelines that may log in to Vault, by the name of the Vault role."""
    programs: Sequence[pulumi.Resource]
    """What must be in the bucket before a server starts."""
    protect: bool
    """Whether `pulumi destroy` refuses to delete the servers' volumes."""


def plan_servers(servers: int, zones: Sequence[str]) -> tuple[ServerPlan, ...]:
    """Spread the servers over the first three zones: losing any one leaves a majority.

    A fourth zone gets no server, so that adding it moves no server from its address and its volume.
    """
    slots = ((slot, slot % min(len(zones), _SERVER_ZONES)) for slot in range(servers))
    return tuple(ServerPlan(slot=slot, zone=zones[index], zone_index=index) for slot, index in slots)


class ControlPlane(pulumi.ComponentResource):
    """The servers, and their names inside the network."""

    urls: Mapping[str, str]
    """URLs of Nomad and Vault (inside the network) and of Consul (on a server itself)."""
    addresses: tuple[Output[str], ...]
    """Private addresses of the servers: they outlive the machines."""
    ready: tuple[pulumi.Resource, ...]
    """The servers' auto scaling groups, each made once its server is a healthy member."""

    def __init__(self, name: str, args: ControlPlaneArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:control_plane:ControlPlane", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        plans = plan_servers(args.servers, args.zones)
        interfaces = [self._interface(plan) for plan in plans]
        self.addresses = tuple(interface.private_ip for interface in interfaces)
        self._names()
        groups: list[autoscaling.Group] = []
        for plan, interface in zip(plans, interfaces, strict=True):
            groups.append(self._server(plan, interface, after=groups[-1:]))
        self.ready = tuple(groups)
        self.urls = _urls(args.label)
        self.register_outputs({"addresses": list(self.addresses)})

    def _interface(self, plan: ServerPlan) -> ec2.NetworkInterface:
        what = server_name(plan.slot)
        return ec2.NetworkInterface(
            f"{self._name}-{plan.slot}-interface",
            subnet_id=self._args.subnet_ids[plan.zone_index],
            security_groups=[self._args.group_id],
            description=f"{self._args.label.name(what)}: its address outlives its machines",
            tags=self._args.label.tags(what),
            opts=self._child,
        )

    def _names(self) -> None:
        """Name the servers in a private zone: nodes must find them without a DNS that the servers themselves run."""
        zone = route53.Zone(
            f"{self._name}-zone",
            name=private_zone(self._args.label),
            comment=f"Servers of {self._args.label.prefix}, inside its network",
            vpcs=[{"vpc_id": self._args.vpc_id}],
            force_destroy=True,
            tags=self._args.label.tags("names"),
            opts=self._child,
        )
        for program in _NAMES:
            route53.Record(
                f"{self._name}-{program}-name",
                zone_id=zone.zone_id,
                name=f"{program}.{private_zone(self._args.label)}",
                type="A",
                ttl=_TTL_S,
                records=list(self.addresses),
                opts=self._child,
            )

    def _server(
        self, plan: ServerPlan, interface: ec2.NetworkInterface, after: Sequence[pulumi.Resource]
    ) -> autoscaling.Group:
        template = self._template(plan, interface, self._volume(plan))
        return autoscaling.Group(
            f"{self._name}-{plan.slot}",
            name=self._args.label.name(server_name(plan.slot)),
            min_size=1,
            max_size=1,
            desired_capacity=1,
            # The interface is in its subnet already, so EC2 takes the zone alone.
            availability_zones=[plan.zone],
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            initial_lifecycle_hooks=hooks(ready_s=_READY_S, gone_s=_GONE_S),
            health_check_type="EC2",
            wait_for_capacity_timeout=f"{_READY_S}s",
            tags=group_tags(self._args.label.tags(server_name(plan.slot))),
            # A new template means a new server. Only one machine can hold the interface and the volume, so Pulumi
            # deletes the old one first. `up` goes on to the next server once this one has completed its hook.
            opts=ResourceOptions(
                parent=self,
                depends_on=[*self._args.programs, *after],
                replace_on_changes=["launchTemplate"],
                delete_before_replace=True,
            ),
        )

    def _volume(self, plan: ServerPlan) -> ebs.Volume:
        what = server_name(plan.slot)
        return ebs.Volume(
            f"{self._name}-{plan.slot}-data",
            availability_zone=plan.zone,
            type="gp3",
            size=SERVER_DATA_GB,
            encrypted=True,
            kms_key_id=self._args.key_arns["state"],
            tags=self._args.label.tags(f"{what}-data"),
            opts=ResourceOptions(parent=self, protect=self._args.protect, retain_on_delete=self._args.protect),
        )

    def _template(self, plan: ServerPlan, interface: ec2.NetworkInterface, volume: ebs.Volume) -> ec2.LaunchTemplate:
        args = self._args
        what = server_name(plan.slot)
        joining = {**args.label.tags(what), JOINS_TAG: args.label.prefix, ROLE_TAG: MachineKind.SERVER.value}
        return ec2.LaunchTemplate(
            f"{self._name}-{plan.slot}-template",
            name=args.label.name(what),
            image_id=PLAIN_IMAGE,
            instance_type=args.server_type,
            iam_instance_profile={"name": args.instance_profile},
            network_interfaces=[{"device_index": 0, "network_interface_id": interface.id}],
            block_device_mappings=[root_disk(Disk(size_gb=SERVER_ROOT_GB, key_arn=args.key_arns["storage"]))],
            metadata_options=METADATA,
            user_data=self._user_data(plan, volume),
            update_default_version=True,
            tag_specifications=tagged(joining),
            tags=args.label.tags(what),
            opts=self._child,
        )

    def _user_data(self, plan: ServerPlan, volume: ebs.Volume) -> Output[str]:
        args = self._args

        def written(known: dict[str, str]) -> str:
            boot = ServerBoot(
                context=args.context(known, tuple(AGENT_VERSIONS)),
                slot=plan.slot,
                group=args.label.name(server_name(plan.slot)),
                volume_id=known["volume"],
                vault_key_arn=known["vault"],
                nomad_key_arn=known["nomad"],
                role_arns={role: known[f"role-{role}"] for role in args.role_arns},
            )
            return encoded(server_user_data(boot))

        roles = {f"role-{role}": arn for role, arn in args.role_arns.items()}
        return Output.all(bucket=args.bucket, volume=volume.id, **args.key_arns, **roles).apply(written)


def _urls(label: Label) -> Mapping[str, str]:
    zone = private_zone(label)
    ports = {program: BY_NAME[port].first for program, port in (("nomad", "nomad_http"), ("vault", "vault_api"))}
    served = {program: f"https://{program}.{zone}:{port}" for program, port in ports.items()}
    return {**served, "consul": f"https://127.0.0.1:{BY_NAME['consul_https'].first}"}
