"""The one label: what every resource of a stack is called, and the tags it carries."""

from dataclasses import dataclass

STACK_TAG = "berth:stack"
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
        """Name one thing of this stack."""
        return f"{self.prefix}-{what}"

    def tags(self, what: str) -> dict[str, str]:
        """Tag one thing: `Name` is what AWS's console shows, the others find what belongs together."""
        return {"Name": self.name(what), STACK_TAG: self.stack, PART_TAG: what, "berth:managed-by": "pulumi"}
