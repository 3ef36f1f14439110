"""The ARNs of a stack's own things, and where its parameters are."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.label import Label


@dataclass(frozen=True, kw_only=True, slots=True)
class StackArns:
    """The stack's own things; keys and buckets by purpose, ARNs all."""

    label: Label
    account_id: str
    region: str
    keys: Mapping[str, str]
    buckets: Mapping[str, str]

    def arn(self, service: str, resource: str) -> str:
        """Name a thing of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def parameters(self, name: str) -> str:
        """Name entries of the stack's folder in Parameter Store."""
        return self.arn("ssm", f"parameter{parameter_folder(self.label, self.keys['state'])}/{name}")


def parameter_folder(label: Label, state_key_arn: str) -> str:
    """Say where the stack's parameters are: another key is another beginning, and finds nothing of the last one."""
    return f"/berth/{label.stack}/{state_key_arn.rpartition('/')[2]}"
