"""Target groups: `elbv2/target_group.go`."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, lower, matches, replaces, upper
from tests.support.aws_provider.rows.balancers import LENGTH, NAME, attributes, switched, tag, tagged, tags_of
from tests.support.aws_provider.values import Bag

_TARGETING = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "slowStart": "slow_start.duration_seconds",
}
_HEALTH = {
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthyThreshold": "HealthyThresholdCount",
    "unhealthyThreshold": "UnhealthyThresholdCount",
    "enabled": "HealthCheckEnabled",
}
_NUMBERS = {
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
}


_GROUP = ("name", "protocol", "port", "vpcId", "targetType", "protocolVersion", "ipAddressType")


def _health(bag: Bag) -> dict[str, Any]:
    check = {aws: bag["healthCheck"][name] for name, aws in _HEALTH.items() if name in bag.get("healthCheck", {})}
    if "matcher" in bag.get("healthCheck", {}):
        check["Matcher"] = {"HttpCode": bag["healthCheck"]["matcher"]}
    return {key: int(one) if key in _NUMBERS else one for key, one in check.items()}


def _group_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("elbv2").create_target_group(**upper(bag, *_GROUP), **_health(bag), **tagged(bag))
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def _group_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    wanted = attributes(bag, _TARGETING)
    if "stickiness" in bag:
        sticky = {"type": "stickiness.type", "enabled": "stickiness.enabled"}
        wanted += attributes(bag["stickiness"], sticky)
    if wanted:
        cloud("elbv2").modify_target_group_attributes(TargetGroupArn=identity, Attributes=wanted)


def _group_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if "healthCheck" in changed:
        cloud("elbv2").modify_target_group(TargetGroupArn=identity, **_health(new))


def _group_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    client = cloud("elbv2")
    answer = found(lambda: client.describe_target_groups(TargetGroupArns=[identity]))
    if not answer or not answer["TargetGroups"]:
        return None
    group = answer["TargetGroups"][0]
    settings = client.describe_target_group_attributes(TargetGroupArn=identity)
    sticky = switched(settings, {"type": "stickiness.type", "enabled": "stickiness.enabled"})
    health = {name: group[aws] for name, aws in _HEALTH.items() if aws in group}
    if code := group.get("Matcher", {}).get("HttpCode"):
        health["matcher"] = code
    return {
        "arn": identity,
        "arnSuffix": identity.rsplit(":", 1)[-1],
        "name": group["TargetGroupName"],
        "healthCheck": health,
        "stickiness": sticky,
        "tags": tags_of(cloud, identity),
        **lower(group, "Protocol", "Port", "VpcId", "TargetType", "ProtocolVersion", "IpAddressType"),
        **switched(settings, _TARGETING),
    }


def _group_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("elbv2").delete_target_group(TargetGroupArn=identity)


ROWS = (
    Row(
        type="aws:lb/targetGroup:TargetGroup",
        create=_group_create,
        settle=_group_settle,
        update=_group_update,
        read=_group_read,
        delete=_group_delete,
        tag=tag,
        replaces=replaces("namePrefix", *_GROUP),
        auto_name="name",
        name_length=LENGTH,
        checks=(matches("name", NAME),),
    ),
)
