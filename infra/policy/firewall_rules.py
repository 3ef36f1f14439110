"""L1, L3 and L4 of the LEAK rules: who may reach which port."""

from collections.abc import Iterator, Sequence

from infra.network.firewall_plan import HTTPS
from infra.network.ports import BY_NAME, TABLE, MachineKind
from infra.policy.openings import LAST_PORT, Opening, openings
from infra.policy.resource import Resource, Violation

_ENDS = ("securityGroupId", "referencedSecurityGroupId")
EFA = "efa"
"""Tag of the group of EFA's interfaces, and of its rules."""
PUBLIC_PORTS = frozenset({BY_NAME["http"].first, BY_NAME["https"].first})
_ROWS = {(row.first, row.last, protocol) for row in TABLE for protocol in row.protocols} | {(HTTPS, HTTPS, "tcp")}


def world_ingress(resource: Resource) -> Iterator[Violation]:
    """L1: the internet may reach ports 80 and 443 only (AWS Control Tower CT.EC2.PR.3)."""
    for one in openings(resource):
        if one.is_ingress and one.world and not _is_public_port(one):
            fix = "name the group that needs it instead; people connect through Systems Manager"
            yield _violation("L1", resource, one, f"is open to {one.world}", fix)


def world_ingress_elsewhere(resources: Sequence[Resource]) -> Iterator[Violation]:
    """L1: the internet may reach them only on the group of the NGINX nodes."""
    nginx = {one.urn for one in resources if one.kind == "SecurityGroup" and one.part == MachineKind.INGRESS}
    for resource in resources:
        for one in openings(resource):
            if one.is_ingress and one.world and not resource.is_from(*nginx) and resource.urn not in nginx:
                fix = f"move the rule to the group of the {MachineKind.INGRESS} nodes, where NGINX listens"
                yield _violation("L1", resource, one, f"is open to {one.world} on machines without NGINX", fix)


def world_egress(resource: Resource) -> Iterator[Violation]:
    """L1: machines call the internet at single TCP ports only, those of registries, over IPv4 and IPv6 alike."""
    for one in openings(resource):
        if not one.is_ingress and one.world and (one.protocol != "tcp" or one.first != one.last):
            fix = "list the one port in berth:egress_ports; AWS is reached by its endpoints"
            yield _violation("L1", resource, one, f"is not limited to one TCP port of {one.world}", fix)


def default_group(resource: Resource) -> Iterator[Violation]:
    """L3: a VPC's default group has no rule (CIS 5.5)."""
    if resource.kind == "DefaultSecurityGroup":
        for one in openings(resource):
            fix = "leave ingress and egress empty"
            yield _violation("L3", resource, one, "the VPC's default group has a rule", fix)


def default_group_unadopted(resources: Sequence[Resource]) -> Iterator[Violation]:
    """L3: the program adopts that group, since AWS makes it with rules."""
    for vpc in (one for one in resources if one.kind == "Vpc"):
        if not any(one.kind == "DefaultSecurityGroup" and one.is_from(vpc.urn) for one in resources):
            fix = "add an ec2.DefaultSecurityGroup of it without rules"
            yield Violation(rule="L3", resource=vpc.name, what="its default group has AWS's open rules", fix=fix)


def named_ports(resource: Resource) -> Iterator[Violation]:
    """L4: a rule between groups is one row of the port table; never all protocols or all ports."""
    for one in openings(resource):
        if one.protocol == "-1" and resource.part == EFA and one.has_group and not one.world:
            continue  # `efa_alone` checks it, since it knows both ends
        if one.protocol == "-1" or (one.first, one.last) == (0, LAST_PORT):
            fix = "write one rule for each row of infra/network/ports.py"
            yield _violation("L4", resource, one, "allows every port", fix)
        elif one.has_group and (one.first, one.last, one.protocol) not in _ROWS:
            fix = "add the row to infra/network/ports.py, which agents and firewall are both made from"
            yield _violation("L4", resource, one, "is no row of the port table", fix)


def efa_alone(resources: Sequence[Resource]) -> Iterator[Violation]:
    """L4: the one exception is EFA's group, which AWS requires to allow all traffic among its members."""
    groups = {one.urn for one in resources if one.kind == "SecurityGroup" and one.part == EFA}
    # After a refresh the group itself lists the rules that are separate resources; those are checked instead.
    for resource in (one for one in resources if one.part == EFA and one.urn not in groups):
        ends = {urn for name in _ENDS for urn in resource.made_from.get(name, ())}
        for one in openings(resource):
            if not (len(ends) == 1 and ends <= groups):
                fix = "name the EFA group itself on both ends"
                yield _violation("L4", resource, one, "allows every port to another group", fix)


def rules_inside_groups(resource: Resource) -> Iterator[Violation]:
    """L4: rules are separate resources, so that a diff names the port; each says what it is for."""
    if resource.kind == "SecurityGroup" and (resource.items("ingress") or resource.items("egress")):
        fix = "make each a vpc.SecurityGroupIngressRule or EgressRule"
        yield Violation(rule="L4", resource=resource.name, what="has rules inside the group", fix=fix)
    if resource.kind.endswith("gressRule") and not resource.props.get("description"):
        fix = "say which program needs it, from whom"
        yield Violation(rule="L4", resource=resource.name, what="the rule has no description", fix=fix)


def _is_public_port(one: Opening) -> bool:
    return one.protocol == "tcp" and one.first == one.last and one.first in PUBLIC_PORTS


def _violation(rule: str, resource: Resource, one: Opening, what: str, fix: str) -> Violation:
    return Violation(rule=rule, resource=resource.name, port=one.port, what=what, fix=fix)
