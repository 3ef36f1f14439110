"""The ARNs of a stack's own resources, and its folder in Parameter Store."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.label import Label


@dataclass(frozen=True, kw_only=True, slots=True)
class StackArns:
    """What the ARNs of the stack's resources are made from; `keys` and `buckets` are ARNs by purpose."""

    label: Label
    account_id: str
    region: str
    keys: Mapping[str, str]
    buckets: Mapping[str, str]

    def arn(self, service: str, resource: str) -> str:
        """Give the ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def role(self, what: str) -> str:
        """Give the ARN of one of the stack's roles."""
        return f"arn:aws:iam::{self.account_id}:role/{self.label.name(what)}"

    def parameters(self, name: str) -> str:
        """Give the ARN of parameters in the stack's folder."""
        return self.arn("ssm", f"parameter{parameter_folder(self.label, self.keys['state'])}/{name}")


def parameter_folder(label: Label, state_key_arn: str) -> str:
    """Name the stack's folder; a stack that was made anew has another key, and finds no old parameters."""
    return f"/berth/{label.stack}/{state_key_arn.rpartition('/')[2]}"
