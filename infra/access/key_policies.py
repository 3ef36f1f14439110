"""What each KMS key of a stack is for, and who may use it: pure, read by the keys and by `berth cost`."""

from infra.access.statements import EVERYONE, Statement

PURPOSES = {
    "vault": "unseals Vault",
    "nomad": "wraps the key with which Nomad signs identities and encrypts variables",
    "state": "encrypts what the platform keeps about itself: parameters, the servers' volumes, Pulumi's secrets",
    "storage": "encrypts buckets and the machines' own disks",
}
"""What each key is for, by its name."""
_USE = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)


def statements(purpose: str, *, account_id: str, region: str) -> tuple[Statement, ...]:
    """Say who may use the key: the account's IAM policies, and for disks and logs the AWS services that write them."""
    found = [_account(account_id)]
    if purpose in {"state", "storage"}:
        found.append(_disks(account_id, region))
    if purpose == "storage":
        found.append(_log_delivery(account_id, region))
    return tuple(found)


def _account(account_id: str) -> Statement:
    """Leave the rest to IAM: AWS's default, without which nobody could change the key again."""
    root = {"AWS": f"arn:aws:iam::{account_id}:root"}
    return Statement(sid="LeaveItToIam", principal=root, actions=("kms:*",))


def _disks(account_id: str, region: str) -> Statement:
    """Allow EBS to use the key for anyone in this account who may launch instances, auto scaling's own role included.

    The same as AWS's policy of `alias/aws/ebs`: a service-linked role cannot be named before it exists.
    """
    only = {"StringEquals": {"kms:CallerAccount": account_id, "kms:ViaService": f"ec2.{region}.amazonaws.com"}}
    return Statement(sid="Disks", principal=EVERYONE, actions=(*_USE, "kms:CreateGrant"), condition=only)


def _log_delivery(account_id: str, region: str) -> Statement:
    """Allow AWS's log delivery, but only for our account: it acts for every account (a confused deputy)."""
    return Statement(
        sid="FlowLogs",
        principal={"Service": "delivery.logs.amazonaws.com"},
        actions=_USE,
        condition={
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account_id}:*"},
        },
    )
