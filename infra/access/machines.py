"""What each kind of machine, and who runs them, may do in AWS: every action by name, on what is the stack's own."""

from collections.abc import Sequence

from infra.access.arns import Reach
from infra.access.statements import Condition, Statement
from infra.label import STACK_TAG
from infra.network.ports import AGENTS, Who


def machine_statements(who: Who, reach: Reach) -> tuple[Statement, ...]:
    """Say what machines of one kind may do."""
    own = {Who.SERVER: _server, Who.CLIENT: _client, Who.INGRESS: _ingress}[who]
    return (*_every(reach), *own(reach))


def operator_statements(reach: Reach) -> tuple[Statement, ...]:
    """Say what people may do: find the stack's machines and open a way to a port; Vault then asks who they are."""
    ours = {"StringEquals": {f"ssm:resourceTag/{STACK_TAG}": reach.label.stack}}
    forwarding = ("AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost")
    return (
        Statement(sid="Find", actions=("ec2:DescribeInstances",)),
        Statement(
            sid="Open", actions=("ssm:StartSession",), resources=(reach.arn("ec2", "instance/*"),), condition=ours
        ),
        Statement(
            sid="Forward",
            actions=("ssm:StartSession",),
            resources=tuple(f"arn:aws:ssm:{reach.region}::document/{name}" for name in forwarding),
        ),
        Statement(
            sid="OwnSessions",
            actions=("ssm:ResumeSession", "ssm:TerminateSession"),
            resources=(reach.arn("ssm", "session/${aws:userid}-*"),),
        ),
    )


def boundary_statements(reach: Reach) -> tuple[Statement, ...]:
    """Say what no machine may exceed: all that any of them may do, each statement once."""
    found: list[Statement] = []
    for who in AGENTS:
        found += [statement for statement in machine_statements(who, reach) if statement not in found]
    return tuple(found)


def _every(reach: Reach) -> Sequence[Statement]:
    """Fetch programs, find the servers, learn whom to trust, be reached by Session Manager, say what state it is in."""
    groups = reach.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{reach.label.prefix}-*")
    return (
        Statement(sid="Programs", actions=("s3:GetObject",), resources=(f"{reach.buckets['binaries']}/*",)),
        Statement(
            sid="Buckets",
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(reach.keys["storage"],),
            condition=_only_through("s3", reach),
        ),
        Statement(sid="FindServers", actions=("ec2:DescribeInstances",)),
        Statement(sid="Authority", actions=("ssm:GetParameter",), resources=(reach.parameters("agent/*"),)),
        Statement(
            sid="LifecycleHooks",
            actions=("autoscaling:CompleteLifecycleAction",),
            resources=(groups,),
        ),
        Statement(
            sid="SessionManager",
            actions=(
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ),
        ),
    )


def _server(reach: Reach) -> Sequence[Statement]:
    locks = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey")
    ours = {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": reach.label.stack}}
    return (
        Statement(sid="Unseal", actions=locks, resources=(reach.keys["vault"], reach.keys["nomad"])),
        Statement(sid="ReadTrust", actions=("ssm:GetParameter",), resources=(reach.parameters("server/*"),)),
        Statement(
            # Nobody may put another authority, or other recovery keys, over those that are there. Recovery keys are
            # written and never read here: they are for people.
            sid="WriteTrustOnce",
            actions=("ssm:PutParameter",),
            resources=tuple(map(reach.parameters, ("agent/*", "server/*", "recovery/*"))),
            condition={"StringEquals": {"ssm:Overwrite": "false"}},
        ),
        Statement(
            sid="DropRootToken",
            actions=("ssm:DeleteParameter",),
            resources=(reach.parameters("server/vault-init-*"),),
        ),
        Statement(
            sid="Trust",
            actions=("kms:Encrypt", "kms:Decrypt"),
            resources=(reach.keys["state"],),
            condition=_only_through("ssm", reach),
        ),
        Statement(sid="FindVolume", actions=("ec2:DescribeVolumes",)),
        Statement(
            sid="OwnVolume",
            actions=("ec2:AttachVolume", "ec2:DetachVolume"),
            resources=(reach.arn("ec2", "volume/*"), reach.arn("ec2", "instance/*")),
            condition=ours,
        ),
        Statement(sid="Snapshots", actions=("s3:PutObject",), resources=(f"{reach.buckets['snapshots']}/*",)),
    )


def _client(reach: Reach) -> Sequence[Statement]:
    models, benchmarks = reach.buckets["models"], reach.buckets["benchmarks"]
    return (
        _logs(reach),
        Statement(sid="Models", actions=("s3:GetObject",), resources=(f"{models}/*",)),
        Statement(sid="ModelList", actions=("s3:ListBucket",), resources=(models,)),
        Statement(sid="Benchmarks", actions=("s3:PutObject",), resources=(f"{benchmarks}/*",)),
    )


def _ingress(reach: Reach) -> Sequence[Statement]:
    return (_logs(reach),)


def _logs(reach: Reach) -> Statement:
    return Statement(sid="Logs", actions=("s3:PutObject",), resources=(f"{reach.buckets['logs']}/*",))


def _only_through(service: str, reach: Reach) -> Condition:
    """Let a key be used on behalf of one service only, never by a call to KMS itself."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{reach.region}.amazonaws.com"}}
