"""L2, and what CIS requires of machines: public addresses on ingress nodes only, encrypted disks, IMDSv2."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.network.ports import MachineKind
from infra.policy.resource import UNKNOWN, Resource, Violation

_TEMPLATES = {"LaunchTemplate", "LaunchConfiguration", "Instance"}


def public_subnets(resource: Resource) -> Iterator[Violation]:
    """L2: no subnet gives public addresses by itself (CT.EC2.PR.9)."""
    if resource.kind in {"Subnet", "DefaultSubnet"} and _is_on(resource.get("mapPublicIpOnLaunch")):
        fix = "set map_public_ip_on_launch to False; an ingress node asks for its own address"
        yield Violation(rule="L2", resource=resource.name, what="gives every machine a public address", fix=fix)


def public_machines(resources: Sequence[Resource]) -> Iterator[Violation]:
    """L2: a machine with a public address has the NGINX nodes' group and no other (CT.EC2.PR.8)."""
    groups = {one.urn: one.part for one in resources if one.kind == "SecurityGroup"}
    for resource in resources:
        if resource.kind in _TEMPLATES and _asks_for_address(resource):
            parts = {groups[urn] for urns in resource.made_from.values() for urn in urns if urn in groups}
            if parts != {MachineKind.INGRESS}:
                whose = f"of {', '.join(sorted(parts))}" if parts else "of no group of ours"
                fix = "put it into a private subnet; only ingress nodes are public"
                yield Violation(rule="L2", resource=resource.name, what=f"a machine {whose} is public", fix=fix)


def elastic_addresses(resource: Resource) -> Iterator[Violation]:
    """L2: elastic addresses belong to NAT gateways and load balancers."""
    if (resource.kind == "Eip" and resource.props.get("instance")) or resource.kind == "EipAssociation":
        fix = "reach it through Systems Manager, or serve it through NGINX"
        yield Violation(rule="L2", resource=resource.name, what="gives a machine a public address", fix=fix)


def metadata(resource: Resource) -> Iterator[Violation]:
    """CIS 5.7: the metadata service requires a token, which containers are one hop too far away to get."""
    if resource.kind in {"LaunchTemplate", "Instance"} and resource.props.get("metadataOptions") is not UNKNOWN:
        options = next(iter(resource.items("metadataOptions")), {})
        if options.get("httpTokens") != "required" or options.get("httpPutResponseHopLimit") != 1:
            fix = "set metadata_options http_tokens=required and http_put_response_hop_limit=1"
            what = "a container could get the machine's role"
            yield Violation(rule="CIS 5.7", resource=resource.name, what=what, fix=fix)


def disks(resource: Resource) -> Iterator[Violation]:
    """CIS 5.1.1: every volume is encrypted."""
    ebs = [block.get("ebs") for block in resource.items("blockDeviceMappings")]
    volumes: list[Mapping[str, Any]] = [one for one in ebs if isinstance(one, Mapping)]
    volumes += resource.items("rootBlockDevice") if resource.kind == "Instance" else []
    volumes += [resource.props] if resource.kind == "Volume" else []
    if any(not _is_on(one.get("encrypted")) and one.get("encrypted") is not UNKNOWN for one in volumes):
        fix = "set encrypted=True, with a key of infra/access/keys.py"
        yield Violation(rule="CIS 5.1.1", resource=resource.name, what="a volume is not encrypted", fix=fix)


def _asks_for_address(resource: Resource) -> bool:
    places = [resource.props, *resource.items("networkInterfaces")]
    return any(_is_on(one.get("associatePublicIpAddress")) for one in places)


def _is_on(value: object) -> bool:
    """Read a flag, which some resources of AWS write as text."""
    return str(value).lower() == "true"
