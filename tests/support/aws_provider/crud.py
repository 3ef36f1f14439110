"""What the engine asks of a resource, answered from the table: check, diff, create, read, update, delete."""

import random
import string
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.support.aws_provider import account
from tests.support.aws_provider.cloud import Cloud
from tests.support.aws_provider.model import Row
from tests.support.aws_provider.values import UNKNOWN, Bag, same

DEFAULTS = "__defaults"
"""Inputs that the provider chose."""
KEPT = "__kept"
"""Inputs that moto does not hold."""


class PartlyMadeError(Exception):
    """The resource exists, but a later call for it failed: the engine records it, and completes it at the next run."""

    def __init__(self, identity: str, outputs: Bag, reason: str) -> None:
        self.identity = identity
        self.outputs = outputs
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What changed between two sets of inputs, and what of it calls for a replacement."""

    changed: frozenset[str]
    replaces: frozenset[str]
    delete_first: bool


def check(row: Row, name: str, old: Bag, new: Bag, seed: bytes) -> tuple[Bag, list[str]]:
    """Fill in a made-up name where the program gives none; name what the real provider refuses."""
    bag = dict(new)
    key = row.auto_name
    if key and key not in bag and f"{key}Prefix" not in bag:
        ours = key in old.get(DEFAULTS, ())
        bag[key] = old[key] if ours and key in old else f"{name}-{_suffix(seed)}"
        bag[DEFAULTS] = [key]
    return bag, row.failures(bag)


def _suffix(seed: bytes) -> str:
    return "".join(random.Random(seed).choices(string.hexdigits[:16].lower(), k=7))


def diff(row: Row, old: Bag, new: Bag) -> Difference:
    """Compare inputs as the real provider does: by meaning."""
    keys = {key for key in old | new if not key.startswith("__")}
    changed = frozenset(key for key in keys if not _equal(key, old.get(key), new.get(key)))
    forced = changed & (row.replaces | set(row.replaced_if(old, new)) if changed else row.replaces)
    named = bool(row.auto_name) and row.auto_name not in new.get(DEFAULTS, ())
    delete_first = bool(forced) and named and row.auto_name not in changed
    return Difference(changed=changed, replaces=forced, delete_first=delete_first)


def create(row: Row, cloud: Cloud, bag: Bag, seed: str) -> tuple[str, Bag]:
    """Create the resource, make the further calls for it, and read it back.

    Raises:
        PartlyMadeError: it was created, and a later call failed.

    """
    made = dict(bag)
    if (prefix := bag.get(f"{row.auto_name}Prefix")) is not None:
        made[row.auto_name] = prefix + _suffix(seed.encode())
    identity = row.create(cloud, made)
    try:
        row.finish(cloud, identity, made)
        row.settle(cloud, identity, made)
        return identity, outputs(row, cloud, identity, made)
    except Exception as error:  # whatever failed: the engine must learn that the resource exists
        raise PartlyMadeError(identity, made, str(error)) from error


def update(row: Row, cloud: Cloud, identity: str, old: Bag, new: Bag, known: Bag) -> Bag:
    """Change what differs, and read it back. `known` are the last outputs."""
    changed = set(diff(row, old, new).changed)
    bag = {**known, **new}
    if not changed:  # the engine asks for this after a create that failed half-way
        row.finish(cloud, identity, bag)
    for key in set(old) - set(new):
        bag.pop(key, None)
    if row.update is not None:
        row.update(cloud, identity, {**known, **old}, bag, changed)
    row.settle(cloud, identity, bag)
    if "tags" in changed:
        before, after = old.get("tags", {}), new.get("tags", {})
        put = {key: value for key, value in after.items() if before.get(key) != value}
        row.tag(cloud, identity, bag, put, [key for key in before if key not in after])
    return outputs(row, cloud, identity, bag, new)


def outputs(row: Row, cloud: Cloud, identity: str, bag: Bag, inputs: Bag | None = None) -> Bag:
    """Read back what moto holds; keep the rest from the inputs, and report it."""
    wanted = bag if inputs is None else inputs
    now = row.read(cloud, identity, bag)
    if now is None:
        raise ClientError({"Error": {"Code": "NotFound", "Message": f"{identity} is not there"}}, f"read {row.type}")
    kept: dict[str, str] = {}
    for key, value in wanted.items():
        if key.startswith("__") or key == "region" or key in row.local:
            continue
        if key not in now:
            kept[key] = "moto does not give it back"
        elif not _found(key, value, now[key]):
            kept[key] = f"moto gives back {now[key]!r:.80}"
    for key, why in kept.items():
        account.kept(row.type, key, why)
    tags = {"tagsAll": now["tags"]} if "tags" in now else {}
    return {"region": cloud.region, **bag, **now, **tags, **{key: wanted[key] for key in kept}, KEPT: sorted(kept)}


def read(row: Row, cloud: Cloud, identity: str, known: Bag, inputs: Bag) -> tuple[Bag, Bag] | None:
    """Give (outputs, inputs) as AWS has them; None: it is gone."""
    now = row.read(cloud, identity, {**known, **inputs})
    if now is None:
        return None
    kept = set(known.get(KEPT, ()))
    for key in kept:
        now.pop(key, None)
    for key, value in inputs.items():
        if key in now and _found(key, value, now[key]):
            now[key] = value  # equal in meaning: give it as the program wrote it
    tags = {"tagsAll": now["tags"]} if "tags" in now else {}
    return {**known, **now, **tags}, {key: now.get(key, value) for key, value in inputs.items()}


def preview(row: Row, known: Bag, new: Bag, changed: frozenset[str]) -> Bag:
    """Give the outputs that are known before a change."""
    open_yet = {key: UNKNOWN for key in row.recomputed if changed}
    return {**known, **new, **open_yet}


def _found(key: str, wanted: Any, found: Any) -> bool:
    return bool(wanted == found) if key == "tags" else same(wanted, found)


def _equal(key: str, old: Any, new: Any) -> bool:
    if key == "tags":
        return (old or {}) == (new or {})
    return same(old, new) and same(new, old)
