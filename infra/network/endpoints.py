"""AWS's own services, reached from inside the network: S3 over its gateway, the others over interfaces."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import ec2

from infra.label import Label

INTERFACES = (
    "ssm",
    "ssmmessages",
    "ec2messages",
    "ec2",
    "autoscaling",
    "kms",
    "sts",
    "logs",
    "ecr.api",
    "ecr.dkr",
)
"""Services that a stack may have an interface endpoint for, by the last part of the endpoint's name."""

ALWAYS_NEEDED = ("ec2", "autoscaling", "kms", "sts", "ssm", "ssmmessages", "ec2messages")
"""The servers' subnets have no other route: agents find each other in EC2's API, Vault and Nomad unseal with KMS, Vault
asks STS who a node is, and people connect through Systems Manager."""

_OBJECTS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
_BUCKETS = ("s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation")


def s3_policy(region: str, account_id: str, bucket_arns: Sequence[str]) -> dict[str, Any]:
    """Write the gateway's policy: our account may use our buckets, and read those of AWS's that booting needs.

    Machines fetch Amazon Linux's packages and ECR's image layers without our credentials, so that statement cannot
    require our account. Bucket names: AWS's guides to the three services' VPC endpoints.
    """
    ours = {"StringEquals": {"aws:PrincipalAccount": account_id}}
    booting = (f"al2023-repos-{region}-*", f"prod-{region}-starport-layer-bucket", f"amazon-ssm-{region}")
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("OurObjects", _OBJECTS, [f"{arn}/*" for arn in bucket_arns], ours),
            _allow("OurBuckets", _BUCKETS, list(bucket_arns), ours),
            _allow("Booting", ("s3:GetObject",), [f"arn:aws:s3:::{bucket}/*" for bucket in booting]),
        ],
    }


def interface_policy(account_id: str) -> dict[str, Any]:
    """Write an interface's policy: it refuses the credentials of other accounts.

    A call that carries no account (a web identity's first call to STS) is left to the service itself.
    """
    ours = {"StringEqualsIfExists": {"aws:PrincipalAccount": account_id}}
    return {"Version": "2012-10-17", "Statement": [_allow("OurAccount", ("*",), ["*"], ours)]}


@dataclass(frozen=True, kw_only=True, slots=True)
class S3EndpointArgs:
    """Where the gateway is attached, and which of our buckets it allows."""

    label: Label
    region: str
    account_id: Input[str]
    vpc_id: Input[str]
    route_table_ids: Sequence[Input[str]]
    bucket_arns: Sequence[Input[str]]


class S3Endpoint(pulumi.ComponentResource):
    """S3's gateway endpoint, in every route table: it costs nothing, and traffic stays in AWS's network."""

    id: Output[str]
    prefix_list_id: Output[str]
    """S3's addresses, for firewall rules."""

    def __init__(self, name: str, args: S3EndpointArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:endpoints:S3Endpoint", name, None, opts)
        policy = Output.all(args.account_id, *args.bucket_arns).apply(
            lambda known: json.dumps(s3_policy(args.region, known[0], known[1:]))
        )
        gateway = ec2.VpcEndpoint(
            f"{name}-gateway",
            vpc_id=args.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{args.region}.s3",
            policy=policy,
            route_table_ids=list(args.route_table_ids),
            tags=args.label.tags("s3-endpoint"),
            opts=ResourceOptions(parent=self),
        )
        self.id = gateway.id
        self.prefix_list_id = gateway.prefix_list_id
        self.register_outputs({"id": self.id, "prefix_list_id": self.prefix_list_id})


@dataclass(frozen=True, kw_only=True, slots=True)
class InterfaceEndpointsArgs:
    """Which services get an interface, in which subnets, behind which group."""

    label: Label
    region: str
    account_id: Input[str]
    vpc_id: Input[str]
    services: tuple[str, ...]
    subnet_ids: Sequence[Input[str]]
    security_group_id: Input[str]


class InterfaceEndpoints(pulumi.ComponentResource):
    """One interface for each service, under the service's own public name, so that programs need no setting."""

    ids: Mapping[str, Output[str]]
    """By service."""

    def __init__(self, name: str, args: InterfaceEndpointsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:endpoints:InterfaceEndpoints", name, None, opts)
        policy = Output.from_input(args.account_id).apply(lambda account: json.dumps(interface_policy(account)))
        self.ids = {service: self._interface(name, service, args, policy) for service in args.services}
        self.register_outputs({"ids": dict(self.ids)})

    def _interface(self, name: str, service: str, args: InterfaceEndpointsArgs, policy: Output[str]) -> Output[str]:
        return ec2.VpcEndpoint(
            f"{name}-{service}",
            vpc_id=args.vpc_id,
            vpc_endpoint_type="Interface",
            service_name=f"com.amazonaws.{args.region}.{service}",
            private_dns_enabled=True,
            subnet_ids=list(args.subnet_ids),
            security_group_ids=[args.security_group_id],
            policy=policy,
            tags=args.label.tags(f"endpoint-{service}"),
            opts=ResourceOptions(parent=self),
        ).id


def _allow(
    sid: str, actions: Sequence[str], resources: list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})
