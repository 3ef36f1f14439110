"""What rules check: resources of the engine, a unit test or an exported state; and what they find: violations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from infra.label import PART_TAG


class _Unknown(Enum):
    """A type of one value, whose name is the same in every process."""

    UNKNOWN = "unknown"


UNKNOWN = _Unknown.UNKNOWN
"""A value that a preview cannot know; it breaks no rule, and is checked again once it is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource; `props` by their names on the wire (`cidrBlock`)."""

    type: str
    name: str
    props: Mapping[str, Any]
    urn: str = ""
    made_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """URNs of the resources whose outputs each property was made from: known even in a preview."""

    @property
    def kind(self) -> str:
        """The last part of its type: `Subnet`."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def part(self) -> str:
        """The part of the stack that its tag names; every resource of ours carries that tag."""
        tags = self.get("tags")
        return str(tags.get(PART_TAG, "")) if isinstance(tags, Mapping) else ""

    def get(self, name: str) -> Any:
        """Give a property; None if it is not set or not known."""
        value = self.props.get(name)
        return None if value is UNKNOWN else value

    def items(self, name: str) -> list[Mapping[str, Any]]:
        """Give the known records of a list, or the one record that stands where others have a list."""
        value = self.get(name)
        listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return [one for one in listed if isinstance(one, Mapping)]

    def is_from(self, *urns: str) -> bool:
        """Whether any of its properties was made from one of these."""
        return any(urn in sources for sources in self.made_from.values() for urn in urns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """A broken rule: which, by what, at which port, and what to do instead."""

    rule: str
    resource: str
    what: str
    fix: str
    port: str = ""

    def __str__(self) -> str:
        port = f", port {self.port}" if self.port else ""
        return f"{self.rule} {self.resource}{port}: {self.what} — {self.fix}"


Check = Callable[[Resource], Iterator[Violation]]
"""A rule that one resource can break by itself: it is checked before the resource is made."""
StackCheck = Callable[[Sequence[Resource]], Iterator[Violation]]
"""A rule about resources together: it is checked at the end of a preview, before anything is made."""
