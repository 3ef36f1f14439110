"""Security groups and their rules: `vpc_security_group*.go`, `vpc_default_security_group.go`."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from tests.support.aws_provider.cloud import Cloud, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, matches, one_of, replaces, upper
from tests.support.aws_provider.rows.network import first, specification, tag
from tests.support.aws_provider.values import Bag, has_unknown

_DESCRIPTION = r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*\-]{0,255}"
"""What EC2 takes: `validSecurityGroupRuleDescription`."""
_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
_BLOCKS = ("ingress", "egress")


def _group_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("ec2").create_security_group(
        GroupName=bag["name"],
        Description=bag.get("description", "Managed by Pulumi"),
        TagSpecifications=specification("security-group", bag),
        **upper(bag, "vpcId"),
    )
    return str(made["GroupId"])


def _empty(cloud: Cloud, identity: str) -> None:
    group = first(cloud, "describe_security_groups", "SecurityGroups", GroupIds=[identity])
    if group is None:
        return
    if group["IpPermissionsEgress"]:
        cloud("ec2").revoke_security_group_egress(GroupId=identity, IpPermissions=group["IpPermissionsEgress"])
    if group["IpPermissions"]:
        cloud("ec2").revoke_security_group_ingress(GroupId=identity, IpPermissions=group["IpPermissions"])


def _group_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    group = first(cloud, "describe_security_groups", "SecurityGroups", GroupIds=[identity])
    if group is None:
        return None
    return {
        "arn": cloud.arn("ec2", f"security-group/{identity}"),
        "name": group["GroupName"],
        "ingress": [_block(one, identity) for one in group["IpPermissions"]],
        "egress": [_block(one, identity) for one in group["IpPermissionsEgress"]],
        "tags": from_tags(group.get("Tags", [])),
        **lower(group, "Description", "VpcId", "OwnerId"),
    }


def _block(rule: dict[str, Any], own: str) -> Bag:
    """Show a rule as the provider does: the group itself is `self`, and not among the others."""
    groups = [one["GroupId"] for one in rule.get("UserIdGroupPairs", [])]
    return {
        "protocol": rule["IpProtocol"],
        "fromPort": rule.get("FromPort", 0),
        "toPort": rule.get("ToPort", 0),
        "cidrBlocks": [one["CidrIp"] for one in rule.get("IpRanges", [])],
        "ipv6CidrBlocks": [one["CidrIpv6"] for one in rule.get("Ipv6Ranges", [])],
        "prefixListIds": [one["PrefixListId"] for one in rule.get("PrefixListIds", [])],
        "securityGroups": [one for one in groups if one != own],
        "self": own in groups,
    }


def _group_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    with gone_is_fine():
        if bag.get("revokeRulesOnDelete"):
            _empty(cloud, identity)
        cloud("ec2").delete_security_group(GroupId=identity)


def _no_blocks(bag: Bag) -> Iterable[str]:
    if any(bag.get(name) for name in _BLOCKS):
        yield "the stand-in knows separate rule resources only, not rules inside a group"


def _default_create(cloud: Cloud, bag: Bag) -> str:
    """Adopt the VPC's default group, and take every rule from it, as the provider does."""
    wanted = [{"Name": "vpc-id", "Values": [bag["vpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    identity = str(first(cloud, "describe_security_groups", "SecurityGroups", Filters=wanted)["GroupId"])
    if bag.get("tags"):
        tag(cloud, identity, bag, bag["tags"], [])
    return identity


def _default_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    _empty(cloud, identity)


def _permission(bag: Bag) -> dict[str, Any]:
    note = {"Description": bag["description"]} if bag.get("description") else {}
    rule: dict[str, Any] = upper(bag, "ipProtocol", "fromPort", "toPort")
    if "cidrIpv4" in bag:
        rule["IpRanges"] = [{"CidrIp": bag["cidrIpv4"], **note}]
    elif "cidrIpv6" in bag:
        rule["Ipv6Ranges"] = [{"CidrIpv6": bag["cidrIpv6"], **note}]
    elif "prefixListId" in bag:
        rule["PrefixListIds"] = [{"PrefixListId": bag["prefixListId"], **note}]
    else:
        rule["UserIdGroupPairs"] = [{"GroupId": bag["referencedSecurityGroupId"], **note}]
    return rule


def _rule_create(direction: str) -> Any:
    def create(cloud: Cloud, bag: Bag) -> str:
        authorize = getattr(cloud("ec2"), f"authorize_security_group_{direction}")
        made = authorize(
            GroupId=bag["securityGroupId"],
            IpPermissions=[_permission(bag)],
            TagSpecifications=specification("security-group-rule", bag),
        )
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    return create


_PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


def _description(cloud: Cloud, rule: Bag, *, egress: bool) -> str | None:
    """Look it up in the group: moto does not give it back with the rule."""
    held = rule["securityGroupId"]
    question = {"GroupIds": [held]}
    group = cloud.remember(held, lambda: first(cloud, "describe_security_groups", "SecurityGroups", **question))
    for one in group["IpPermissionsEgress" if egress else "IpPermissions"]:
        if all(one.get(key) == value for key, value in upper(rule, "ipProtocol", "fromPort", "toPort").items()):
            for source, (peers, key) in _PEERS.items():
                for peer in one.get(peers, ()):
                    if peer.get(key) == rule.get(source, "none"):
                        return str(peer.get("Description", ""))
    return None


def _rule_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    question = {"SecurityGroupRuleIds": [identity]}
    rule = first(cloud, "describe_security_group_rules", "SecurityGroupRules", **question)
    if rule is None:
        return None
    fields = lower(rule, "IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId", "Description")
    if "ReferencedGroupInfo" in rule:
        fields["referencedSecurityGroupId"] = rule["ReferencedGroupInfo"]["GroupId"]
    fields["securityGroupId"] = rule["GroupId"]
    return {
        "description": _description(cloud, fields, egress=rule["IsEgress"]),
        "arn": cloud.arn("ec2", f"security-group-rule/{identity}"),
        "securityGroupRuleId": identity,
        "tags": from_tags(rule.get("Tags", [])),
        **fields,
    }


def _rule_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if not changed - {"tags"}:
        return
    rule = upper(new, "ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId", "description")
    if "referencedSecurityGroupId" in new:
        rule["ReferencedGroupId"] = new["referencedSecurityGroupId"]
    cloud("ec2").modify_security_group_rules(
        GroupId=new["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": identity, "SecurityGroupRule": rule}],
    )


def _rule_delete(direction: str) -> Any:
    def delete(cloud: Cloud, identity: str, bag: Bag) -> None:
        revoke = getattr(cloud("ec2"), f"revoke_security_group_{direction}")
        with gone_is_fine():
            revoke(GroupId=bag["securityGroupId"], SecurityGroupRuleIds=[identity])

    return delete


def _source_moved(old: Bag, new: Bag) -> Iterable[str]:
    """EC2 cannot turn a rule for a network into one for a group."""
    before, after = ({name for name in _SOURCES if name in bag} for bag in (old, new))
    return before ^ after


def _networks(bag: Bag) -> Iterable[str]:
    for name in ("cidrIpv4", "cidrIpv6"):
        value = bag.get(name)
        if isinstance(value, str) and not has_unknown(value):
            try:
                ip_network(value)
            except ValueError as error:
                yield f"{name}: {error}"


def _ports(bag: Bag) -> Iterable[str]:
    everything = str(bag.get("ipProtocol")) == "-1"
    if everything == ("fromPort" in bag or "toPort" in bag):
        yield f"ipProtocol {bag.get('ipProtocol')}: ports are given for all protocols but -1, and for that not"


def _rule(kind: str) -> Row:
    direction = kind.lower()
    return Row(
        type=f"aws:vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule",
        create=_rule_create(direction),
        update=_rule_update,
        read=_rule_read,
        delete=_rule_delete(direction),
        tag=tag,
        replaces=replaces("securityGroupId"),
        replaced_if=_source_moved,
        required=("securityGroupId", "ipProtocol"),
        checks=(one_of(*_SOURCES), _networks, _ports, matches("description", _DESCRIPTION)),
    )


ROWS = (
    Row(
        type="aws:ec2/securityGroup:SecurityGroup",
        create=_group_create,
        # EC2 lets everything out of a new group; the provider takes that back.
        finish=lambda cloud, identity, _bag: _empty(cloud, identity),
        read=_group_read,
        delete=_group_delete,
        tag=tag,
        replaces=replaces("name", "namePrefix", "description", "vpcId"),
        local=frozenset({"revokeRulesOnDelete"}),
        auto_name="name",
        checks=(_no_blocks, matches("description", _DESCRIPTION), matches("name", r"(?!sg-).*")),
    ),
    Row(
        type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        create=_default_create,
        settle=_default_settle,
        read=_group_read,
        tag=tag,
        replaces=replaces("vpcId"),
        checks=(_no_blocks,),
    ),
    _rule("Ingress"),
    _rule("Egress"),
)
