"""The KMS keys of a stack: losing one loses what it encrypts, so each is rotated, protected and slow to delete."""

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import kms

from infra.access.key_policies import PURPOSES, statements
from infra.access.statements import document
from infra.label import Label

_DELETION_WINDOW_DAYS = 30
"""The longest that KMS allows: time to notice."""


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """What the keys depend on."""

    label: Label
    account_id: str
    region: str
    protect: bool
    """Whether `pulumi destroy` refuses to delete them."""


class Keys(pulumi.ComponentResource):
    """One key for each purpose, each with an alias such as `alias/berth-prod-vault`."""

    arns: dict[str, Output[str]]

    def __init__(self, name: str, args: KeysArgs, opts: ResourceOptions | None = None) -> None:
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
