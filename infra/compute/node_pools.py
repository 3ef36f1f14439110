"""The node pools: auto scaling groups whose nodes join Nomad by themselves, and drain before they terminate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import autoscaling, ec2, vpc

from infra.compute.agent_configs import DRAIN_S, NodeBoot
from infra.compute.disks import root_gb
from infra.compute.launch import METADATA, Disk, LaunchArgs, encoded, group_tags, hooks, root_disk, tagged
from infra.compute.pool_plan import image, machine_kind, plan_interfaces, plan_refresh, zone_indexes
from infra.compute.pools import PoolConfig
from infra.compute.program_files import AGENT_VERSIONS, DEVICE_PLUGIN
from infra.compute.user_data import node_user_data
from infra.holdings.names import POOL_TAG, ROLE_TAG
from infra.network.ports import MachineKind
from infra.network.subnets import Tier

_READY_S = 1800
_GONE_S = DRAIN_S + 300


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePoolsArgs(LaunchArgs):
    """Which pools there are, where, and what their nodes may do and run."""

    pools: Sequence[PoolConfig]
    zones: Sequence[str]
    subnet_ids: Mapping[Tier, Sequence[Input[str]]]
    """By tier; in each one for each zone, in order."""
    group_ids: Mapping[MachineKind, Input[str]]
    """Security groups."""
    instance_profiles: Mapping[MachineKind, Input[str]]
    ready: Sequence[pulumi.Resource]
    """What must exist before a node starts: programs and servers."""


class NodePools(pulumi.ComponentResource):
    """One auto scaling group for each pool."""

    groups: Mapping[str, Output[str]]
    """Names of the groups, by pool."""

    def __init__(self, name: str, args: NodePoolsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:node_pools:NodePools", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        fabric = self._fabric() if any(pool.efa for pool in args.pools) else None
        self.groups = {pool.name: self._group(pool, self._template(pool, fabric)).name for pool in args.pools}
        self.register_outputs({"groups": dict(self.groups)})

    def _fabric(self) -> Output[str]:
        """Create the security group of the EFA interfaces.

        EFA requires a group that allows all traffic among its members. Those are EFA-only interfaces, which have no
        address, so the group's rules apply to no IP traffic.
        """
        tags = self._args.label.tags("efa")
        group = ec2.SecurityGroup(
            f"{self._name}-efa",
            vpc_id=self._args.vpc_id,
            description="EFA interfaces, which have no address",
            revoke_rules_on_delete=True,
            tags=tags,
            opts=self._child,
        )
        for make, way in ((vpc.SecurityGroupIngressRule, "from"), (vpc.SecurityGroupEgressRule, "to")):
            make(
                f"{self._name}-efa-{way}-efa",
                security_group_id=group.id,
                referenced_security_group_id=group.id,
                ip_protocol="-1",
                description=f"EFA: {way} other EFA interfaces",
                tags=tags,
                opts=self._child,
            )
        return group.id

    def _template(self, pool: PoolConfig, fabric: Output[str] | None) -> ec2.LaunchTemplate:
        args = self._args
        kind = machine_kind(pool)
        own = {**args.label.tags(f"pool-{pool.name}"), POOL_TAG: pool.name, ROLE_TAG: kind.value}
        return ec2.LaunchTemplate(
            f"{self._name}-{pool.name}-template",
            name=args.label.name(f"pool-{pool.name}"),
            image_id=image(pool),
            instance_type=pool.instance_type,
            iam_instance_profile={"name": args.instance_profiles[kind]},
            network_interfaces=self._interfaces(pool, fabric),
            block_device_mappings=[root_disk(Disk(size_gb=root_gb(pool), key_arn=args.key_arns["storage"]))],
            metadata_options=METADATA,
            placement={"group_name": self._placement(pool)} if pool.placement_group else None,
            capacity_reservation_specification=_reservation(pool),
            instance_market_options={"market_type": "capacity-block"} if pool.capacity_block else None,
            user_data=self._user_data(pool),
            update_default_version=True,
            tag_specifications=tagged(own),
            tags=args.label.tags(f"pool-{pool.name}"),
            opts=self._child,
        )

    def _interfaces(
        self, pool: PoolConfig, fabric: Output[str] | None
    ) -> list[ec2.LaunchTemplateNetworkInterfaceArgsDict]:
        group = self._args.group_ids[machine_kind(pool)]
        interfaces: list[ec2.LaunchTemplateNetworkInterfaceArgsDict] = []
        for plan in plan_interfaces(pool.type, efa=pool.efa):
            interface: ec2.LaunchTemplateNetworkInterfaceArgsDict = {
                "network_card_index": plan.card,
                "device_index": plan.device,
                "security_groups": [fabric if plan.is_efa and fabric is not None else group],
                "delete_on_termination": "true",
            }
            if plan.is_efa:
                interface["interface_type"] = "efa-only"
            elif machine_kind(pool) is MachineKind.INGRESS:
                interface["associate_public_ip_address"] = "true"
            interfaces.append(interface)
        return interfaces

    def _placement(self, pool: PoolConfig) -> Output[str]:
        return ec2.PlacementGroup(
            f"{self._name}-{pool.name}-placement",
            name=self._args.label.name(f"pool-{pool.name}"),
            strategy="cluster",
            tags=self._args.label.tags(f"pool-{pool.name}"),
            opts=self._child,
        ).name

    def _group(self, pool: PoolConfig, template: ec2.LaunchTemplate) -> autoscaling.Group:
        tier = Tier.PUBLIC if machine_kind(pool) is MachineKind.INGRESS else Tier.PRIVATE
        subnets = self._args.subnet_ids[tier]
        version = template.latest_version.apply(str)
        return autoscaling.Group(
            f"{self._name}-{pool.name}",
            name=self._args.label.name(f"pool-{pool.name}"),
            min_size=pool.min,
            max_size=pool.max,
            desired_capacity=pool.desired,
            vpc_zone_identifiers=[subnets[place] for place in zone_indexes(pool, self._args.zones)],
            launch_template=None if pool.spot else {"id": template.id, "version": version},
            mixed_instances_policy=_mixed(pool, template, version) if pool.spot else None,
            capacity_rebalance=pool.spot,
            initial_lifecycle_hooks=hooks(ready_s=_READY_S, gone_s=_GONE_S),
            instance_refresh=_refresh(pool),
            health_check_type="EC2",
            # `up` waits until the nodes are ready, but not for spot and GPU nodes: AWS may have none at the moment.
            wait_for_capacity_timeout="0" if pool.spot or pool.type.gpu else f"{_READY_S}s",
            tags=group_tags(self._args.label.tags(f"pool-{pool.name}")),
            opts=ResourceOptions(parent=self, depends_on=list(self._args.ready)),
        )

    def _user_data(self, pool: PoolConfig) -> Output[str]:
        args = self._args
        programs = (*AGENT_VERSIONS, *((DEVICE_PLUGIN,) if pool.type.gpu else ()))

        def written(known: dict[str, str]) -> str:
            group = args.label.name(f"pool-{pool.name}")
            boot = NodeBoot(context=args.context(known, programs), pool=pool, kind=machine_kind(pool), group=group)
            return encoded(node_user_data(boot))

        return Output.all(bucket=args.bucket, state=args.key_arns["state"]).apply(written)


def _reservation(pool: PoolConfig) -> ec2.LaunchTemplateCapacityReservationSpecificationArgsDict | None:
    """Launch into the pool's own reservation, if it has one."""
    if pool.reservation_id:
        return {"capacity_reservation_target": {"capacity_reservation_id": pool.reservation_id}}
    return None


def _mixed(
    pool: PoolConfig, template: ec2.LaunchTemplate, version: Input[str]
) -> autoscaling.GroupMixedInstancesPolicyArgsDict:
    """Launch on-demand nodes first, then spot ones, from where AWS is least likely to take them back."""
    return {
        "launch_template": {"launch_template_specification": {"launch_template_id": template.id, "version": version}},
        "instances_distribution": {
            "on_demand_base_capacity": pool.on_demand_base,
            "on_demand_percentage_above_base_capacity": 0,
            "spot_allocation_strategy": "price-capacity-optimized",
        },
    }


def _refresh(pool: PoolConfig) -> autoscaling.GroupInstanceRefreshArgsDict:
    """Replace nodes when their template changes, as far as the pool's capacity allows."""
    plan = plan_refresh(pool)
    return {
        "strategy": "Rolling",
        "preferences": {
            "min_healthy_percentage": plan.min_healthy,
            "max_healthy_percentage": plan.max_healthy,
            "skip_matching": True,
        },
    }
