"""The firewall: a security group for each kind of machine; each of the plan's rules is a resource that a diff names."""

from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import ec2, vpc

from infra.label import Label
from infra.network.firewall_plan import ENDPOINTS, Direction, FirewallScope, Rule, plan_rules
from infra.network.ports import MACHINE_KINDS, MachineKind


@dataclass(frozen=True, kw_only=True, slots=True)
class FirewallArgs:
    """The VPC, S3's addresses, and what lies outside the groups."""

    label: Label
    vpc_id: Input[str]
    s3_prefix_list_id: Input[str]
    scope: FirewallScope


class Firewall(pulumi.ComponentResource):
    """Security groups whose every rule comes from the port table; nothing else passes, in or out."""

    groups: dict[MachineKind, Output[str]]
    """IDs of the machines' security groups."""
    endpoints_group_id: Output[str]

    def __init__(self, name: str, args: FirewallArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:firewall:Firewall", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        purposes = {kind.value: f"{kind} machines of {args.label.prefix}" for kind in MACHINE_KINDS}
        purposes[ENDPOINTS.group] = f"AWS endpoints of {args.label.prefix}"
        self._groups = {group: self._group(group, purpose) for group, purpose in purposes.items()}
        for rule in plan_rules(args.scope):
            self._rule(rule)
        self.groups = {kind: self._groups[kind.value].id for kind in MACHINE_KINDS}
        self.endpoints_group_id = self._groups[ENDPOINTS.group].id
        self.register_outputs({"groups": {kind.value: one for kind, one in self.groups.items()}})

    def _group(self, group: str, purpose: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{self._name}-{group}",
            vpc_id=self._args.vpc_id,
            description=purpose,
            # AWS refuses to delete a group that a rule of another one names, and all of these name each other.
            revoke_rules_on_delete=True,
            tags=self._args.label.tags(group),
            opts=self._child,
        )

    def _rule(self, rule: Rule) -> None:
        make = vpc.SecurityGroupIngressRule if rule.direction is Direction.IN else vpc.SecurityGroupEgressRule
        peer = rule.peer
        make(
            f"{self._name}-{rule.name}",
            security_group_id=self._groups[rule.group].id,
            referenced_security_group_id=self._groups[peer.group].id if peer.group else None,
            cidr_ipv4=peer.ipv4 or None,
            cidr_ipv6=peer.ipv6 or None,
            prefix_list_id=self._args.s3_prefix_list_id if peer.is_s3 else None,
            ip_protocol=rule.protocol,
            from_port=rule.first,
            to_port=rule.last,
            description=rule.description,
            tags=self._args.label.tags(rule.name),
            opts=self._child,
        )
