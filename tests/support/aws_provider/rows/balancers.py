"""Load balancers and listeners: `elbv2/load_balancer.go`, `elbv2/listener.go`."""

from collections.abc import Iterable
from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import (
    Row,
    deep_lower,
    deep_upper,
    from_tags,
    lower,
    matches,
    replaces,
    to_tags,
    upper,
)
from tests.support.aws_provider.values import Bag

NAME = r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)"
LENGTH = 32
_SWITCHES = {
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "dnsRecordClientRoutingPolicy": "dns_record.client_routing_policy",
    "enableHttp2": "routing.http2.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
}


def attributes(bag: Bag, names: dict[str, str]) -> list[dict[str, str]]:
    texts = {aws: bag[name] for name, aws in names.items() if name in bag}
    return [{"Key": key, "Value": str(one).lower()} for key, one in texts.items()]


def switched(answer: dict[str, Any], names: dict[str, str]) -> Bag:
    given = {one["Key"]: one["Value"] for one in answer["Attributes"]}
    plain = {"true": True, "false": False}
    return {name: plain.get(given[aws], given[aws]) for name, aws in names.items() if aws in given}


def tags_of(cloud: Cloud, arn: str) -> dict[str, str]:
    return from_tags(cloud("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"])


def tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del bag
    if put:
        cloud("elbv2").add_tags(ResourceArns=[identity], Tags=to_tags(put))
    if drop:
        cloud("elbv2").remove_tags(ResourceArns=[identity], TagKeys=drop)


def tagged(bag: Bag) -> dict[str, Any]:
    return {"Tags": to_tags(bag["tags"])} if bag.get("tags") else {}


def _create(cloud: Cloud, bag: Bag) -> str:
    call: dict[str, Any] = upper(bag, "name", "subnets", "securityGroups", "ipAddressType")
    call["Scheme"] = "internal" if bag.get("internal") else "internet-facing"
    call["Type"] = bag.get("loadBalancerType", "application")
    if "subnetMappings" in bag:
        call["SubnetMappings"] = deep_upper(bag["subnetMappings"])
    return str(cloud("elbv2").create_load_balancer(**call, **tagged(bag))["LoadBalancers"][0]["LoadBalancerArn"])


def _settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    if wanted := attributes(bag, _SWITCHES):
        cloud("elbv2").modify_load_balancer_attributes(LoadBalancerArn=identity, Attributes=wanted)


def _update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    client = cloud("elbv2")
    if "subnets" in changed:
        client.set_subnets(LoadBalancerArn=identity, Subnets=new["subnets"])
    if "securityGroups" in changed:
        client.set_security_groups(LoadBalancerArn=identity, SecurityGroups=new["securityGroups"])
    if "ipAddressType" in changed:
        client.set_ip_address_type(LoadBalancerArn=identity, IpAddressType=new["ipAddressType"])


def _read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    client = cloud("elbv2")
    answer = found(lambda: client.describe_load_balancers(LoadBalancerArns=[identity]))
    if not answer or not answer["LoadBalancers"]:
        return None
    balancer = answer["LoadBalancers"][0]
    switches = switched(client.describe_load_balancer_attributes(LoadBalancerArn=identity), _SWITCHES)
    return {
        "arn": identity,
        "arnSuffix": identity.rsplit(":loadbalancer/", maxsplit=1)[-1],
        "name": balancer["LoadBalancerName"],
        "internal": balancer["Scheme"] == "internal",
        "loadBalancerType": balancer["Type"],
        "subnets": [one["SubnetId"] for one in balancer["AvailabilityZones"]],
        "zoneId": balancer["CanonicalHostedZoneId"],
        "dnsName": balancer["DNSName"],
        "tags": tags_of(cloud, identity),
        **lower(balancer, "SecurityGroups", "IpAddressType", "VpcId"),
        **switches,
    }


def _moved(old: Bag, new: Bag) -> Iterable[str]:
    """A network load balancer takes further subnets, but gives none up; and has groups from the start or never."""
    if new.get("loadBalancerType") == "network":
        if set(old.get("subnets", ())) - set(new.get("subnets", ())):
            yield "subnets"
        if bool(old.get("securityGroups")) != bool(new.get("securityGroups")):
            yield "securityGroups"


def _delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("elbv2").delete_load_balancer(LoadBalancerArn=identity)


def _listener_call(bag: Bag) -> dict[str, Any]:
    call = upper(bag, "port", "protocol", "sslPolicy")
    call["DefaultActions"] = deep_upper(bag["defaultActions"])
    if "certificateArn" in bag:
        call["Certificates"] = [{"CertificateArn": bag["certificateArn"]}]
    if "alpnPolicy" in bag:
        call["AlpnPolicy"] = [bag["alpnPolicy"]]
    return call


def _listener_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("elbv2").create_listener(LoadBalancerArn=bag["loadBalancerArn"], **_listener_call(bag), **tagged(bag))
    return str(made["Listeners"][0]["ListenerArn"])


def _listener_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if changed - {"tags"}:
        cloud("elbv2").modify_listener(ListenerArn=identity, **_listener_call(new))


def _listener_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    answer = found(lambda: cloud("elbv2").describe_listeners(ListenerArns=[identity]))
    if not answer or not answer["Listeners"]:
        return None
    listener = answer["Listeners"][0]
    certificates = listener.get("Certificates") or [{}]
    return {
        "arn": identity,
        "defaultActions": deep_lower(listener["DefaultActions"]),
        "certificateArn": certificates[0].get("CertificateArn"),
        "alpnPolicy": (listener.get("AlpnPolicy") or [None])[0],
        "tags": tags_of(cloud, identity),
        **lower(listener, "LoadBalancerArn", "Port", "Protocol", "SslPolicy"),
    }


def _listener_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("elbv2").delete_listener(ListenerArn=identity)


ROWS = (
    Row(
        type="aws:lb/loadBalancer:LoadBalancer",
        create=_create,
        settle=_settle,
        update=_update,
        read=_read,
        delete=_delete,
        tag=tag,
        replaces=replaces("name", "namePrefix", "internal", "loadBalancerType", "subnetMappings"),
        replaced_if=_moved,
        auto_name="name",
        name_length=LENGTH,
        checks=(matches("name", NAME),),
    ),
    Row(
        type="aws:lb/listener:Listener",
        create=_listener_create,
        update=_listener_update,
        read=_listener_read,
        delete=_listener_delete,
        tag=tag,
        replaces=replaces("loadBalancerArn"),
        required=("loadBalancerArn", "defaultActions"),
    ),
)
