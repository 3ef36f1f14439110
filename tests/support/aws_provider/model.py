"""A row of the provider's table: how one resource type is made, read, changed and removed."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.aws_provider.cloud import Cloud
from tests.support.aws_provider.values import Bag, has_unknown

Check = Callable[[Bag], Iterable[str]]
"""Yields what the real provider refuses in a resource's inputs, before it sends anything."""


def _nothing(cloud: Cloud, identity: str, bag: Bag) -> None:
    del cloud, identity, bag


def _no_tags(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del cloud, identity, bag, put, drop


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One resource type. `identity` is Pulumi's ID of it; `bag` its inputs, over the last known outputs."""

    type: str
    """Such as `aws:ec2/vpc:Vpc`."""
    create: Callable[[Cloud, Bag], str]
    """Makes it, in one call, and gives its ID."""
    read: Callable[[Cloud, str, Bag], Bag | None]
    """What AWS holds now, inputs and outputs; None: it is gone."""
    delete: Callable[[Cloud, str, Bag], None] = _nothing
    finish: Callable[[Cloud, str, Bag], None] = _nothing
    """Further calls that belong to creating; if one fails, the resource exists half made."""
    settle: Callable[[Cloud, str, Bag], None] = _nothing
    """Calls after creating and at each update: they set values, and may be repeated."""
    update: Callable[[Cloud, str, Bag, Bag, set[str]], None] | None = None
    """(…, old, new, changed keys): what `settle` cannot do."""
    tag: Callable[[Cloud, str, Bag, dict[str, str], list[str]], None] = _no_tags
    """Puts and drops tags, at an update."""
    replaces: frozenset[str] = frozenset()
    """Inputs that AWS cannot change: Terraform's ForceNew and RequiresReplace."""
    replaced_if: Callable[[Bag, Bag], Iterable[str]] = field(default=lambda _old, _new: ())
    """Further inputs that call for a replacement, where it depends on both values."""
    recomputed: tuple[str, ...] = ()
    """Outputs that any change makes anew, so that a preview cannot know them."""
    local: frozenset[str] = frozenset()
    """Inputs for the provider itself, which are not sent to AWS."""
    auto_name: str = ""
    """The input that gets a generated name where the program gives none."""
    name_length: int = 255
    required: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def failures(self, bag: Bag) -> list[str]:
        """List everything that the real provider would refuse."""
        found = [f"{key}: required" for key in self.required if key not in bag]
        name = bag.get(self.auto_name) if self.auto_name else None
        if isinstance(name, str) and not has_unknown(name) and len(name) > self.name_length:
            found.append(f"{self.auto_name}: {len(name)} characters, at most {self.name_length}: {name}")
        return found + [problem for check in self.checks for problem in check(bag)]


def replaces(*names: str) -> frozenset[str]:
    """Name inputs that call for a replacement; `region` always does."""
    return frozenset((*names, "region"))


def one_of(*names: str) -> Check:
    """Exactly one of these inputs."""

    def check(bag: Bag) -> Iterable[str]:
        given = [name for name in names if name in bag]
        if len(given) != 1:
            yield f"exactly one of {', '.join(names)} must be given, not {given or 'none'}"

    return check


def matches(name: str, pattern: str) -> Check:
    """The input, where given and known, is of this form."""

    def check(bag: Bag) -> Iterable[str]:
        value = bag.get(name)
        if isinstance(value, str) and not has_unknown(value) and not re.fullmatch(pattern, value):
            yield f"{name}: {value!r} does not match {pattern}"

    return check


def lower(source: Mapping[str, Any], *names: str) -> Bag:
    """Convert AWS's `CidrBlock` to Pulumi's `cidrBlock`; leave out what AWS does not give."""
    return {name[0].lower() + name[1:]: source[name] for name in names if source.get(name) is not None}


def upper(bag: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Convert Pulumi's `cidrBlock` to AWS's `CidrBlock`, where given."""
    return {name[0].upper() + name[1:]: bag[name] for name in names if name in bag}


def deep_upper(value: Any) -> Any:
    """Write the names of nested blocks as AWS does."""
    if isinstance(value, Mapping):
        return {key[0].upper() + key[1:]: deep_upper(one) for key, one in value.items()}
    return [deep_upper(one) for one in value] if isinstance(value, list) else value


def deep_lower(value: Any) -> Any:
    """Write the names of nested blocks as Pulumi does."""
    if isinstance(value, Mapping):
        return {key[0].lower() + key[1:]: deep_lower(one) for key, one in value.items()}
    return [deep_lower(one) for one in value] if isinstance(value, list) else value


def from_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Read AWS's list of tags, without those that AWS itself adds."""
    pairs = ((one.get("Key") or one.get("TagKey"), one.get("Value", one.get("TagValue", ""))) for one in tags)
    return {str(key): str(value) for key, value in pairs if not str(key).startswith("aws:")}


def to_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as most of AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
