"""Reads a stack's configuration from its file, as Pulumi would, without Pulumi's engine."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from nomad_jobs.errors import BerthError, ConfigError, NoSuchStackError
from nomad_jobs.render import ROOT

if TYPE_CHECKING:  # imports pulumi, which `berth` itself does not need
    from infra.config.stack import StackConfig


def config_of(stack: str) -> "StackConfig":
    """Read the configuration of `stack` from its file, as Pulumi would.

    Raises:
        NoSuchStackError: there is no `Pulumi.<stack>.yaml`.
        ConfigError: it is no YAML, or a setting is wrong.
        BerthError: pulumi, which the code that reads it imports, is not installed.

    """
    try:
        from infra.config.stack import NAMESPACE, StackConfig  # noqa: PLC0415 - imports pulumi
    except ModuleNotFoundError as error:
        what = f"cannot be read without the package {error.name}, which is not installed"
        raise BerthError(f"Pulumi.{stack}.yaml", what, "run `uv sync`") from None
    settings = _settings(stack)
    ours = {key.removeprefix(f"{NAMESPACE}:"): one for key, one in settings.items() if key.startswith(f"{NAMESPACE}:")}
    return StackConfig.parse({**ours, "stack": stack, "region": settings.get("aws:region")})


def _settings(stack: str) -> Mapping[str, Any]:
    path = ROOT / f"Pulumi.{stack}.yaml"
    try:
        read = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(one.name.split(".")[1] for one in ROOT.glob("Pulumi.*.yaml")))
        raise NoSuchStackError(f"stack {stack}", f"there is no {path.name}", f"name one of: {known}") from None
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(path.name, f"cannot be read: {' '.join(str(error).split())}") from None
    settings = read.get("config") if isinstance(read, dict) else None
    if not isinstance(settings, dict):
        raise ConfigError(path.name, "has no settings under `config:`", "see Pulumi.dev.yaml")
    return settings
