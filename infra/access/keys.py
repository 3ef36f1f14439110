"""The KMS keys of a stack: losing one loses what it locks, so each is rotated, protected and slow to delete."""

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import kms

from infra.access.statements import EVERYONE, Statement, document
from infra.label import Label

PURPOSES = {
    "vault": "unseals Vault",
    "nomad": "wraps the key with which Nomad signs identities and encrypts variables",
    "state": "encrypts what the platform keeps about itself: parameters, the servers' volumes, Pulumi's secrets",
    "storage": "encrypts buckets and the machines' own disks",
}
"""What each key is for, by its name."""
_DELETION_WINDOW_DAYS = 30
"""The longest that KMS has: time to notice."""
_USE = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """What the keys depend on."""

    label: Label
    account_id: str
    region: str
    protect: bool
    """Whether `pulumi destroy` refuses to give them up."""


class Keys(pulumi.ComponentResource):
    """One key for each purpose, each with an alias such as `alias/berth-prod-vault`."""

    arns: dict[str, Output[str]]

    def __init__(self, name: str, args: KeysArgs, opts: ResourceOptions | None = None) -> None:
        """Make the keys."""
        super().__init__("berth:keys:Keys", name, None, opts)
        self.arns = {purpose: self._key(name, purpose, args) for purpose in PURPOSES}
        self.register_outputs({"arns": self.arns})

    def _key(self, name: str, purpose: str, args: KeysArgs) -> Output[str]:
        key = kms.Key(
            f"{name}-{purpose}",
            description=f"{args.label.prefix}: {PURPOSES[purpose]}",
            deletion_window_in_days=_DELETION_WINDOW_DAYS,
            enable_key_rotation=True,
            policy=document(statements(purpose, account_id=args.account_id, region=args.region)),
            tags=args.label.tags(f"key-{purpose}"),
            opts=ResourceOptions(parent=self, protect=args.protect, retain_on_delete=args.protect),
        )
        kms.Alias(
            f"{name}-{purpose}-alias",
            name=f"alias/{args.label.name(purpose)}",
            target_key_id=key.id,
            opts=ResourceOptions(parent=self),
        )
        return key.arn


def statements(purpose: str, *, account_id: str, region: str) -> tuple[Statement, ...]:
    """Say who may use the key: the account's IAM policies, and for disks and logs the AWS services that write them."""
    found = [_account(account_id)]
    if purpose in {"state", "storage"}:
        found.append(_disks(account_id, region))
    if purpose == "storage":
        found.append(_log_delivery(account_id, region))
    return tuple(found)


def _account(account_id: str) -> Statement:
    """Leave the rest to IAM: AWS's default, without which nobody could ever change the key again."""
    root = {"AWS": f"arn:aws:iam::{account_id}:root"}
    return Statement(sid="LeaveItToIam", principal=root, actions=("kms:*",))


def _disks(account_id: str, region: str) -> Statement:
    """Let EBS use the key for anyone of this account who may launch instances, auto scaling's own role among them.

    The same as AWS's policy of `alias/aws/ebs`: a service-linked role cannot be named before it exists.
    """
    only = {"StringEquals": {"kms:CallerAccount": account_id, "kms:ViaService": f"ec2.{region}.amazonaws.com"}}
    return Statement(sid="Disks", principal=EVERYONE, actions=(*_USE, "kms:CreateGrant"), condition=only)


def _log_delivery(account_id: str, region: str) -> Statement:
    """Let flow logs be written, and only for this account: the service acts for everyone (a confused deputy)."""
    return Statement(
        sid="FlowLogs",
        principal={"Service": "delivery.logs.amazonaws.com"},
        actions=_USE,
        condition={
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account_id}:*"},
        },
    )
