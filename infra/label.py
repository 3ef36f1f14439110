"""Names and tags of every resource of a stack."""

from dataclasses import dataclass

from infra.holdings.names import STACK_TAG

PART_TAG = "berth:part"


@dataclass(frozen=True, slots=True)
class Label:
    """Names and tags of one stack's resources."""

    stack: str

    @property
    def prefix(self) -> str:
        """What every name of this stack starts with."""
        return f"berth-{self.stack}"

    def name(self, what: str) -> str:
        """Name one resource of this stack."""
        return f"{self.prefix}-{what}"

    def tags(self, what: str) -> dict[str, str]:
        """Tag one resource: AWS's console shows `Name`; the other tags find what belongs together."""
        return {"Name": self.name(what), STACK_TAG: self.stack, PART_TAG: what, "berth:managed-by": "pulumi"}
