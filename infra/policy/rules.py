"""All rules in order: the LEAK rules, and those of CIS AWS Foundations 5.0 that apply."""

from collections.abc import Iterator, Sequence

from infra.policy import data_rules, firewall_rules, machine_rules, secret_rules
from infra.policy.resource import Check, Resource, StackCheck, Violation

CHECKS: tuple[Check, ...] = (
    firewall_rules.world_ingress,
    firewall_rules.world_egress,
    machine_rules.public_subnets,
    machine_rules.elastic_addresses,
    firewall_rules.default_group,
    firewall_rules.named_ports,
    firewall_rules.rules_inside_groups,
    secret_rules.secrets,
    machine_rules.metadata,
    machine_rules.disks,
    data_rules.public_buckets,
    data_rules.key_rotation,
    data_rules.s3_endpoint,
)
"""Checked on each resource before it is made."""

STACK_CHECKS: tuple[StackCheck, ...] = (
    firewall_rules.world_ingress_elsewhere,
    machine_rules.public_machines,
    firewall_rules.default_group_unadopted,
    firewall_rules.efa_alone,
    data_rules.unguarded_buckets,
    data_rules.flow_logs,
)
"""Checked on all resources together."""


def check(resource: Resource) -> Iterator[Violation]:
    """Yield what one resource breaks by itself."""
    for one in CHECKS:
        yield from one(resource)


def check_stack(resources: Sequence[Resource]) -> Iterator[Violation]:
    """Yield what resources break together."""
    for one in STACK_CHECKS:
        yield from one(resources)


def check_all(resources: Sequence[Resource]) -> tuple[Violation, ...]:
    """Give everything that a stack breaks."""
    return (*(found for one in resources for found in check(one)), *check_stack(resources))
