"""Reads the stacks' files, `Pulumi.<stack>.yaml`, as Pulumi would, without Pulumi's engine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from infra.compute.pools import PoolConfig, pool_config_faults
from infra.config.reader import Reader
from nomad_jobs.errors import BerthError, ConfigError, NoSuchStackError
from nomad_jobs.model import Service
from nomad_jobs.render import ROOT

NAMESPACE = "berth"


def names() -> tuple[str, ...]:
    """Name every stack that has a file."""
    return tuple(sorted(one.name.split(".")[1] for one in ROOT.glob("Pulumi.*.yaml")))


def require(stack: str) -> None:
    """Refuse a stack that has no file.

    Raises:
        NoSuchStackError: there is no `Pulumi.<stack>.yaml`.

    """
    if stack not in names():
        fix = f"name one of: {', '.join(names())}"
        raise NoSuchStackError(f"stack {stack}", f"there is no Pulumi.{stack}.yaml", fix)


def settings_of(stack: str) -> Mapping[str, Any]:
    """Read the settings of `stack`, by Pulumi's full keys.

    Raises:
        NoSuchStackError: there is no `Pulumi.<stack>.yaml`.
        ConfigError: it is no YAML, or has no settings.

    """
    require(stack)
    path = ROOT / f"Pulumi.{stack}.yaml"
    try:
        read = yaml.safe_load(path.read_text())
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(path.name, f"cannot be read: {' '.join(str(error).split())}") from None
    settings = read.get("config") if isinstance(read, dict) else None
    if not isinstance(settings, dict):
        raise ConfigError(path.name, "has no settings under `config:`", "see Pulumi.dev.yaml")
    return settings


def pool_faults(stack: str, services: Sequence[Service]) -> Iterator[BerthError]:
    """Yield what is wrong with the pools of `stack`, and with its resolved `services` on them."""
    reader = Reader()
    try:
        settings = settings_of(stack)
    except ConfigError as error:
        yield error
        return
    pools, zones = (
        reader.value(kind, settings.get(f"{NAMESPACE}:{key}", ()), f"{NAMESPACE}:{key}", "…")
        for key, kind in (("pools", tuple[PoolConfig, ...]), ("zones", tuple[str, ...]))
    )
    found = reader.faults or pool_config_faults(pools, services, stack=stack, zones=zones)
    for fault in found:
        is_of_file = fault.where.startswith(f"{NAMESPACE}:")
        yield ConfigError(f"Pulumi.{stack}.yaml, {fault.where}", fault.what, fault.fix) if is_of_file else fault
