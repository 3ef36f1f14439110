"""Lists what is left in an account, by service, without what AWS (and moto) puts into every account."""

from collections.abc import Callable
from typing import Any

from tests.support.packets import everything

Clients = Callable[[str], Any]


def left(aws: Clients) -> dict[str, list[str]]:
    """Name everything that is left; services with nothing are left out."""
    found = {
        "ec2": sorted(everything(aws("ec2"))),
        "volumes": [one["VolumeId"] for one in aws("ec2").describe_volumes()["Volumes"]],
        "interfaces": _cards(aws),
        "endpoints": _endpoints(aws),
        "s3": [one["Name"] for one in aws("s3").list_buckets()["Buckets"]],
        "kms": _keys(aws),
        "roles": [one["RoleName"] for one in aws("iam").list_roles()["Roles"]],
        "policies": [one["PolicyName"] for one in aws("iam").list_policies(Scope="Local")["Policies"]],
        "profiles": [one["InstanceProfileName"] for one in aws("iam").list_instance_profiles()["InstanceProfiles"]],
        "oidc": [one["Arn"] for one in aws("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]],
        "groups": _groups(aws),
        "balancers": [one["LoadBalancerName"] for one in aws("elbv2").describe_load_balancers()["LoadBalancers"]],
        "targets": [one["TargetGroupName"] for one in aws("elbv2").describe_target_groups()["TargetGroups"]],
        "certificates": [one["DomainName"] for one in aws("acm").list_certificates()["CertificateSummaryList"]],
        "records": _records(aws),
        "budgets": _budgets(aws),
        "topics": [one["TopicArn"] for one in aws("sns").list_topics()["Topics"]],
        "logs": [one["logGroupName"] for one in aws("logs").describe_log_groups()["logGroups"]],
    }
    return {service: names for service, names in found.items() if names}


def _keys(aws: Clients) -> list[str]:
    """Name the keys that are not scheduled for deletion: AWS deletes none at once."""
    kms = aws("kms")
    described = (kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"])
    return [one["KeyId"] for one in described if one["KeyState"] != "PendingDeletion" and one["KeyManager"] != "AWS"]


def _endpoints(aws: Clients) -> list[str]:
    endpoints = aws("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return [
        f"{one['VpcEndpointId']} {one['ServiceName']} {one['State']}" for one in endpoints if one["State"] != "deleted"
    ]


def _cards(aws: Clients) -> list[str]:
    """Name our network interfaces. AWS removes an endpoint's with it; moto does not, so they are left out."""
    cards = aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
    return [one["NetworkInterfaceId"] for one in cards if one["TagSet"]]


def _groups(aws: Clients) -> list[str]:
    return [
        one["AutoScalingGroupName"] for one in aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    ]


def _records(aws: Clients) -> list[str]:
    """Name the records of every DNS zone, without the two that each zone starts with, and the zones that we made."""
    dns = aws("route53")
    names = []
    for zone in dns.list_hosted_zones()["HostedZones"]:
        if zone["Config"].get("PrivateZone"):
            names.append(zone["Name"])
        records = dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        names += [one["Name"] for one in records if one["Type"] not in {"NS", "SOA"}]
    return names


def _budgets(aws: Clients) -> list[str]:
    account = aws("sts").get_caller_identity()["Account"]
    return [one["BudgetName"] for one in aws("budgets").describe_budgets(AccountId=account).get("Budgets", [])]
