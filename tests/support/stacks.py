"""Reads the two stack files of this repository, as Pulumi gives them to the program."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STACKS = ("dev", "prod")


def settings(stack: str) -> dict[str, Any]:
    """Read `Pulumi.<stack>.yaml`, by full key (`berth:cidr`)."""
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    read: dict[str, Any] = yaml.safe_load(text)["config"]
    return read


def values(stack: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give what `StackConfig.parse` takes, with `changes` made; a change to None takes the setting away."""
    read = settings(stack)
    plain = {key.removeprefix("berth:"): value for key, value in read.items() if key.startswith("berth:")}
    changed = {"stack": stack, "region": read["aws:region"], **plain, **(changes or {})}
    return {key: value for key, value in changed.items() if value is not None}
