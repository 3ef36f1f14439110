"""What a pipeline may do in AWS: look at everything the program makes, or deploy it; every action by name.

Only people may change what trust rests on: keys and their policies, bucket policies, the pipeline's own roles, GitLab's
provider, and the boundary of the machines' roles. AWS refuses a pipeline's `up` that changes one of those; someone who
may change it must run it.
"""

from collections.abc import Callable, Mapping

from infra.access import pipeline_actions as actions
from infra.access.arns import StackArns
from infra.access.statements import Condition, Statement
from infra.holdings.names import STACK_TAG

_SERVICE_LINKED = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "spot.amazonaws.com": "AWSServiceRoleForEC2Spot",
}
"""Service-linked roles, which AWS makes on first use, by service."""


def state_bucket(account_id: str) -> str:
    """Name the bucket with Pulumi's state, which an operator makes by hand: the program needs it to run at all."""
    return f"berth-state-{account_id}"


def machine_role(arns: StackArns, kind: str) -> str:
    """Name a machine's role; `*` stands for all of them."""
    return f"arn:aws:iam::{arns.account_id}:role/{arns.label.name('machine')}-{kind}"


def boundary_arn(arns: StackArns) -> str:
    """Name the policy that no machine's role exceeds."""
    return f"arn:aws:iam::{arns.account_id}:policy/{arns.label.name('boundary')}"


def _state_reads(arns: StackArns) -> tuple[Statement, ...]:
    state = f"arn:aws:s3:::{state_bucket(arns.account_id)}"
    return (
        Statement(sid="State", actions=("s3:GetObject",), resources=(f"{state}/*",)),
        Statement(sid="StateList", actions=("s3:ListBucket", "s3:GetBucketLocation"), resources=(state,)),
        Statement(sid="StateSecrets", actions=("kms:Decrypt",), resources=(arns.keys["state"],)),
    )


def _looks(arns: StackArns) -> tuple[Statement, ...]:
    account = f"arn:aws:iam::{arns.account_id}"
    return (
        Statement(sid="Look", actions=actions.LOOKS),
        Statement(sid="LookAtBuckets", actions=actions.BUCKET_LOOKS, resources=(_buckets(arns),)),
        Statement(
            sid="LookAtRoles",
            actions=(*actions.ROLE_LOOKS, "iam:GetOpenIDConnectProvider"),
            resources=(
                *(f"{account}:{kind}/{arns.label.prefix}-*" for kind in ("role", "policy", "instance-profile")),
                f"{account}:oidc-provider/*",
            ),
        ),
        Statement(sid="LookAtKeys", actions=actions.KEY_LOOKS, resources=(arns.arn("kms", "key/*"),)),
    )


def _state(arns: StackArns) -> tuple[Statement, ...]:
    state = f"arn:aws:s3:::{state_bucket(arns.account_id)}/*"
    return (
        Statement(sid="StateWrite", actions=("s3:PutObject", "s3:DeleteObject"), resources=(state,)),
        Statement(sid="StateSecrets", actions=("kms:Encrypt",), resources=(arns.keys["state"],)),
    )


def _network(arns: StackArns) -> tuple[Statement, ...]:
    ours = {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": arns.label.stack}}
    return (
        Statement(sid="Make", actions=actions.MAKES, condition=_here(arns)),
        Statement(sid="Remove", actions=actions.REMOVES, condition=ours),
        Statement(sid="Balancer", actions=actions.BALANCER, condition=_here(arns)),
    )


def _machines(arns: StackArns) -> tuple[Statement, ...]:
    groups = arns.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{arns.label.prefix}-*")
    into_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return (
        Statement(sid="Groups", actions=actions.GROUPS, resources=(groups,)),
        Statement(sid="PassRoles", actions=("iam:PassRole",), resources=(machine_role(arns, "*"),), condition=into_ec2),
        # AWS looks up the image that a launch template names with the permissions of whoever uses the template.
        Statement(
            sid="Images",
            actions=("ssm:GetParameters",),
            resources=(f"arn:aws:ssm:{arns.region}:*:parameter/aws/service/*",),
        ),
    )


def _data(arns: StackArns) -> tuple[Statement, ...]:
    objects = ("s3:PutObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObject")
    budget = f"arn:aws:budgets::{arns.account_id}:budget/{arns.label.prefix}*"
    return (
        Statement(sid="Buckets", actions=actions.BUCKETS, resources=(_buckets(arns),)),
        Statement(sid="Programs", actions=objects, resources=(f"{arns.buckets['binaries']}/*",)),
        Statement(sid="ProgramsKey", actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(arns.keys["storage"],)),
        Statement(sid="Zone", actions=("route53:CreateHostedZone",)),
        Statement(
            sid="Records",
            actions=actions.RECORDS,
            resources=("arn:aws:route53:::hostedzone/*", "arn:aws:route53:::healthcheck/*", arns.arn("ec2", "vpc/*")),
        ),
        Statement(sid="Certificates", actions=actions.CERTIFICATES, condition=_here(arns)),
        Statement(
            sid="Budget",
            actions=("budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"),
            resources=(budget,),
        ),
        Statement(sid="Keys", actions=actions.KEYS, resources=(arns.arn("kms", "key/*"),)),
    )


def _roles(arns: StackArns) -> tuple[Statement, ...]:
    """Allow changes of machines' roles only below their boundary: otherwise a pipeline could grant itself anything."""
    account = f"arn:aws:iam::{arns.account_id}"
    service_roles = "role/aws-service-role"
    bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn(arns)}}
    profiles = f"{account}:instance-profile/{arns.label.name('machine')}-*"
    return (
        Statement(
            sid="GrantBelowBoundary",
            actions=actions.ROLE_GRANTS,
            resources=(machine_role(arns, "*"),),
            condition=bounded,
        ),
        Statement(sid="MachineRoles", actions=actions.ROLES, resources=(machine_role(arns, "*"), profiles)),
        Statement(
            sid="ServiceLinkedRoles",
            actions=("iam:CreateServiceLinkedRole",),
            resources=tuple(f"{account}:{service_roles}/{service}/{role}" for service, role in _SERVICE_LINKED.items()),
            condition={"StringEquals": {"iam:AWSServiceName": tuple(_SERVICE_LINKED)}},
        ),
    )


def _buckets(arns: StackArns) -> str:
    return f"arn:aws:s3:::{arns.label.prefix}-*-{arns.account_id}"


def _here(arns: StackArns) -> Condition:
    return {"StringEquals": {"aws:RequestedRegion": arns.region}}


def _deploys(arns: StackArns) -> tuple[Statement, ...]:
    return (*_state(arns), *_network(arns), *_machines(arns))


def _names(arns: StackArns) -> tuple[Statement, ...]:
    return (*_data(arns), *_roles(arns))


PARTS: Mapping[str, Callable[[StackArns], tuple[Statement, ...]]] = {
    "state": _state_reads,
    "look": _looks,
    "deploy": _deploys,
    "names": _names,
}
"""Statements of each policy, by its name; several, because AWS allows a policy 6,144 characters."""
PREVIEW = ("state", "look")
"""A preview reads the state, and the settings of what the program made; nobody's data."""
DEPLOY = (*PREVIEW, "deploy", "names")
"""An `up` also needs the others."""
