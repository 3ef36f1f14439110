"""The role that Vault assumes for a service: what any service may have of AWS, and who may assume it."""

from infra.access.arns import StackArns
from infra.access.statements import Condition, Statement
from nomad_jobs.platform import WORKLOAD_BUCKETS


def workload_statements(arns: StackArns) -> tuple[Statement, ...]:
    """Say what all services may have together; Vault leaves each one the buckets that it asks for."""
    buckets = [arns.buckets[name] for name in sorted(WORKLOAD_BUCKETS)]
    through_s3: Condition = {"StringEquals": {"kms:ViaService": f"s3.{arns.region}.amazonaws.com"}}
    return (
        Statement(sid="ServicesList", actions=("s3:ListBucket",), resources=tuple(buckets)),
        Statement(
            sid="ServicesObjects",
            actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            resources=tuple(f"{bucket}/*" for bucket in buckets),
        ),
        Statement(
            sid="ServicesKey",
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(arns.keys["storage"],),
            condition=through_s3,
        ),
    )


def workload_trust(server_role_arn: str) -> Statement:
    """Let the servers, where Vault runs, assume it, and nobody else."""
    return Statement(sid="Servers", principal={"AWS": server_role_arn}, actions=("sts:AssumeRole",), has_resource=False)
