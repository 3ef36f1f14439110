"""What each kind of machine, and people, may do in AWS: every action by name, on the stack's resources."""

from collections.abc import Sequence

from infra.access.arns import StackArns
from infra.access.statements import Condition, Statement
from infra.access.workload import workload_statements
from infra.holdings.names import STACK_TAG
from infra.network.ports import MACHINE_KINDS, MachineKind


def machine_statements(kind: MachineKind, arns: StackArns) -> tuple[Statement, ...]:
    """Say what machines of one kind may do."""
    own = {MachineKind.SERVER: _server, MachineKind.CLIENT: _client, MachineKind.INGRESS: _ingress}[kind]
    return (*_every(arns), *own(arns))


def people_statements(arns: StackArns) -> tuple[Statement, ...]:
    """Say what people may do: find the stack's machines and forward a port; Vault then asks who they are."""
    ours = {"StringEquals": {f"ssm:resourceTag/{STACK_TAG}": arns.label.stack}}
    forwarding = ("AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost")
    return (
        Statement(sid="Find", actions=("ec2:DescribeInstances",)),
        Statement(
            sid="Open", actions=("ssm:StartSession",), resources=(arns.arn("ec2", "instance/*"),), condition=ours
        ),
        Statement(
            sid="Forward",
            actions=("ssm:StartSession",),
            resources=tuple(f"arn:aws:ssm:{arns.region}::document/{name}" for name in forwarding),
        ),
        Statement(
            sid="OwnSessions",
            actions=("ssm:ResumeSession", "ssm:TerminateSession"),
            resources=(arns.arn("ssm", "session/${aws:userid}-*"),),
        ),
    )


def boundary_statements(arns: StackArns) -> tuple[Statement, ...]:
    """Say what no role of machines and services may exceed: all that any of them may do, each statement once."""
    found = [*workload_statements(arns)]
    for kind in MACHINE_KINDS:
        found += [statement for statement in machine_statements(kind, arns) if statement not in found]
    return tuple(found)


def _every(arns: StackArns) -> Sequence[Statement]:
    """Allow a machine to fetch programs, find servers, read the CA, use Session Manager and complete its hooks."""
    groups = arns.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{arns.label.prefix}-*")
    return (
        Statement(sid="Programs", actions=("s3:GetObject",), resources=(f"{arns.buckets['binaries']}/*",)),
        Statement(
            sid="Buckets",
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(arns.keys["storage"],),
            condition=_only_through("s3", arns),
        ),
        Statement(sid="FindServers", actions=("ec2:DescribeInstances",)),
        Statement(sid="Authority", actions=("ssm:GetParameter",), resources=(arns.parameters("agent/*"),)),
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


def _server(arns: StackArns) -> Sequence[Statement]:
    locks = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey")
    ours = {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": arns.label.stack}}
    return (
        Statement(sid="Unseal", actions=locks, resources=(arns.keys["vault"], arns.keys["nomad"])),
        Statement(sid="ReadTrust", actions=("ssm:GetParameter",), resources=(arns.parameters("server/*"),)),
        Statement(
            # No server may overwrite the authority or the recovery keys. Servers write recovery keys and never read
            # them: they are for people.
            sid="WriteTrustOnce",
            actions=("ssm:PutParameter",),
            resources=tuple(map(arns.parameters, ("agent/*", "server/*", "recovery/*"))),
            condition={"StringEquals": {"ssm:Overwrite": "false"}},
        ),
        Statement(
            sid="DropRootToken",
            actions=("ssm:DeleteParameter",),
            resources=(arns.parameters("server/vault-init-*"),),
        ),
        Statement(
            sid="Trust",
            actions=("kms:Encrypt", "kms:Decrypt"),
            resources=(arns.keys["state"],),
            condition=_only_through("ssm", arns),
        ),
        Statement(sid="FindVolume", actions=("ec2:DescribeVolumes",)),
        Statement(
            sid="OwnVolume",
            actions=("ec2:AttachVolume", "ec2:DetachVolume"),
            resources=(arns.arn("ec2", "volume/*"), arns.arn("ec2", "instance/*")),
            condition=ours,
        ),
        Statement(sid="Services", actions=("sts:AssumeRole",), resources=(arns.role("workload"),)),
        Statement(sid="Snapshots", actions=("s3:PutObject",), resources=(f"{arns.buckets['snapshots']}/*",)),
    )


def _client(arns: StackArns) -> Sequence[Statement]:
    models = arns.buckets["models"]
    benchmarks = arns.buckets["benchmarks"]
    return (
        _logs(arns),
        Statement(sid="Models", actions=("s3:GetObject",), resources=(f"{models}/*",)),
        Statement(sid="ModelList", actions=("s3:ListBucket",), resources=(models,)),
        Statement(sid="Benchmarks", actions=("s3:PutObject",), resources=(f"{benchmarks}/*",)),
    )


def _ingress(arns: StackArns) -> Sequence[Statement]:
    return (_logs(arns),)


def _logs(arns: StackArns) -> Statement:
    return Statement(sid="Logs", actions=("s3:PutObject",), resources=(f"{arns.buckets['logs']}/*",))


def _only_through(service: str, arns: StackArns) -> Condition:
    """Allow a key to be used through one service only, never by a call to KMS itself."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{arns.region}.amazonaws.com"}}
