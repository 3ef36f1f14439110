"""Reads a stack's configuration from its file, as Pulumi would, without Pulumi's engine."""

from typing import TYPE_CHECKING

from nomad_jobs.errors import BerthError
from scripts.ops.stack_files import NAMESPACE, settings_of

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
        from infra.config.stack import StackConfig  # noqa: PLC0415 - imports pulumi
    except ModuleNotFoundError as error:
        what = f"cannot be read without the package {error.name}, which is not installed"
        raise BerthError(f"Pulumi.{stack}.yaml", what, "run `uv sync`") from None
    settings = settings_of(stack)
    ours = {key.removeprefix(f"{NAMESPACE}:"): one for key, one in settings.items() if key.startswith(f"{NAMESPACE}:")}
    return StackConfig.parse({**ours, "stack": stack, "region": settings.get("aws:region")})
