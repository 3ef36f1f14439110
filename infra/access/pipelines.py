"""What a pipeline may do in AWS: look at everything the program makes, or deploy it; every action by name.

What trust rests on is for people: keys and whom they let in, bucket policies, the pipeline's own roles, GitLab's
provider, and the boundary of the machines' roles. An `up` that changes those stops with AWS's refusal, and is run by
someone who may.
"""

from collections.abc import Callable, Mapping

from infra.access import pipeline_actions as actions
from infra.access.arns import Reach
from infra.access.statements import Condition, Statement
from infra.label import STACK_TAG

_SERVICE_LINKED = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "spot.amazonaws.com": "AWSServiceRoleForEC2Spot",
}
"""Roles that AWS makes for itself on first use, by the service that asks."""


def state_bucket(account_id: str) -> str:
    """Name the bucket with Pulumi's state: made once by hand, before there is a program that could."""
    return f"berth-state-{account_id}"


def machine_role(reach: Reach, kind: str) -> str:
    """Name a machine's role; `*` stands for all of them."""
    return f"arn:aws:iam::{reach.account_id}:role/{reach.label.name('machine')}-{kind}"


def boundary_arn(reach: Reach) -> str:
    """Name the policy that no machine's role exceeds."""
    return f"arn:aws:iam::{reach.account_id}:policy/{reach.label.name('boundary')}"


def _state_reads(reach: Reach) -> tuple[Statement, ...]:
    state = f"arn:aws:s3:::{state_bucket(reach.account_id)}"
    return (
        Statement(sid="State", actions=("s3:GetObject",), resources=(f"{state}/*",)),
        Statement(sid="StateList", actions=("s3:ListBucket", "s3:GetBucketLocation"), resources=(state,)),
        Statement(sid="StateSecrets", actions=("kms:Decrypt",), resources=(reach.keys["state"],)),
    )


def _looks(reach: Reach) -> tuple[Statement, ...]:
    account = f"arn:aws:iam::{reach.account_id}"
    return (
        Statement(sid="Look", actions=actions.LOOKS),
        Statement(sid="LookAtBuckets", actions=actions.BUCKET_LOOKS, resources=(_buckets(reach),)),
        Statement(
            sid="LookAtRoles",
            actions=(*actions.ROLE_LOOKS, "iam:GetOpenIDConnectProvider"),
            resources=(
                *(f"{account}:{kind}/{reach.label.prefix}-*" for kind in ("role", "policy", "instance-profile")),
                f"{account}:oidc-provider/*",
            ),
        ),
        Statement(sid="LookAtKeys", actions=actions.KEY_LOOKS, resources=(reach.arn("kms", "key/*"),)),
    )


def _state(reach: Reach) -> tuple[Statement, ...]:
    state = f"arn:aws:s3:::{state_bucket(reach.account_id)}/*"
    return (
        Statement(sid="StateWrite", actions=("s3:PutObject", "s3:DeleteObject"), resources=(state,)),
        Statement(sid="StateSecrets", actions=("kms:Encrypt",), resources=(reach.keys["state"],)),
    )


def _network(reach: Reach) -> tuple[Statement, ...]:
    ours = {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": reach.label.stack}}
    return (
        Statement(sid="Make", actions=actions.MAKES, condition=_here(reach)),
        Statement(sid="Remove", actions=actions.REMOVES, condition=ours),
        Statement(sid="Balancer", actions=actions.BALANCER, condition=_here(reach)),
    )


def _machines(reach: Reach) -> tuple[Statement, ...]:
    groups = reach.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{reach.label.prefix}-*")
    into_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return (
        Statement(sid="Groups", actions=actions.GROUPS, resources=(groups,)),
        Statement(
            sid="PassRoles", actions=("iam:PassRole",), resources=(machine_role(reach, "*"),), condition=into_ec2
        ),
        # AWS resolves the image that a launch template names as the one who uses the template.
        Statement(
            sid="Images",
            actions=("ssm:GetParameters",),
            resources=(f"arn:aws:ssm:{reach.region}:*:parameter/aws/service/*",),
        ),
    )


def _data(reach: Reach) -> tuple[Statement, ...]:
    objects = ("s3:PutObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObject")
    budget = f"arn:aws:budgets::{reach.account_id}:budget/{reach.label.prefix}*"
    return (
        Statement(sid="Buckets", actions=actions.BUCKETS, resources=(_buckets(reach),)),
        Statement(sid="Programs", actions=objects, resources=(f"{reach.buckets['binaries']}/*",)),
        Statement(
            sid="ProgramsKey", actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(reach.keys["storage"],)
        ),
        Statement(sid="Zone", actions=("route53:CreateHostedZone",)),
        Statement(
            sid="Records",
            actions=actions.RECORDS,
            resources=("arn:aws:route53:::hostedzone/*", "arn:aws:route53:::healthcheck/*", reach.arn("ec2", "vpc/*")),
        ),
        Statement(sid="Certificates", actions=actions.CERTIFICATES, condition=_here(reach)),
        Statement(
            sid="Budget",
            actions=("budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"),
            resources=(budget,),
        ),
        Statement(sid="Keys", actions=actions.KEYS, resources=(reach.arn("kms", "key/*"),)),
    )


def _roles(reach: Reach) -> tuple[Statement, ...]:
    """Let machines' roles be changed below their boundary: otherwise a pipeline could give itself anything."""
    account, service_roles = f"arn:aws:iam::{reach.account_id}", "role/aws-service-role"
    bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn(reach)}}
    profiles = f"{account}:instance-profile/{reach.label.name('machine')}-*"
    return (
        Statement(
            sid="GrantBelowBoundary",
            actions=actions.ROLE_GRANTS,
            resources=(machine_role(reach, "*"),),
            condition=bounded,
        ),
        Statement(sid="MachineRoles", actions=actions.ROLES, resources=(machine_role(reach, "*"), profiles)),
        Statement(
            sid="ServiceLinkedRoles",
            actions=("iam:CreateServiceLinkedRole",),
            resources=tuple(f"{account}:{service_roles}/{service}/{role}" for service, role in _SERVICE_LINKED.items()),
            condition={"StringEquals": {"iam:AWSServiceName": tuple(_SERVICE_LINKED)}},
        ),
    )


def _buckets(reach: Reach) -> str:
    return f"arn:aws:s3:::{reach.label.prefix}-*-{reach.account_id}"


def _here(reach: Reach) -> Condition:
    return {"StringEquals": {"aws:RequestedRegion": reach.region}}


def _deploys(reach: Reach) -> tuple[Statement, ...]:
    return (*_state(reach), *_network(reach), *_machines(reach))


def _names(reach: Reach) -> tuple[Statement, ...]:
    return (*_data(reach), *_roles(reach))


PARTS: Mapping[str, Callable[[Reach], tuple[Statement, ...]]] = {
    "state": _state_reads,
    "look": _looks,
    "deploy": _deploys,
    "names": _names,
}
"""Policies by name: apart, because AWS allows each 6,144 characters."""
PREVIEW = ("state", "look")
"""A preview reads the state, and the settings of what the program made; nobody's data."""
DEPLOY = (*PREVIEW, "deploy", "names")
"""An `up` does the rest as well."""
