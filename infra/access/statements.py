"""Statements of IAM, KMS and S3 policies, and the documents they make: plain values that a linter can read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]
EVERYONE: Mapping[str, str] = {"AWS": "*"}
"""Every principal, of every account: only ever with a condition, or to deny."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement of a policy; `sid` is its name."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    condition: Condition = field(default_factory=dict)
    principal: Mapping[str, str] = field(default_factory=dict)
    """Whom the policy of a resource, or the trust policy of a role, names; empty in a policy of permissions."""
    denies: bool = False
    has_resource: bool = True
    """False in the policy that says who may assume a role."""

    @property
    def document(self) -> dict[str, object]:
        """The statement as IAM reads it."""
        written: dict[str, object] = {"Sid": self.sid, "Effect": "Deny" if self.denies else "Allow"}
        if self.principal:
            written["Principal"] = dict(self.principal)
        written["Action"] = list(self.actions)
        if self.has_resource:
            written["Resource"] = list(self.resources)
        if self.condition:
            written["Condition"] = {test: dict(keys) for test, keys in self.condition.items()}
        return written


def document(statements: Sequence[Statement]) -> str:
    """Write a policy: the same bytes for the same statements."""
    written = {"Version": "2012-10-17", "Statement": [statement.document for statement in statements]}
    return json.dumps(written, separators=(",", ":"), ensure_ascii=False)
