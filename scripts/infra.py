"""The verb `infra`."""

from enum import StrEnum
from typing import Annotated

import typer

from scripts.ops import pulumi


class Action(StrEnum):
    """What Pulumi is to do."""

    PREVIEW = "preview"
    UP = "up"
    REFRESH = "refresh"
    DESTROY = "destroy"


def run(
    action: Annotated[Action, typer.Argument(help="What Pulumi is to do.")],
    stack: Annotated[str, typer.Argument(help="dev, prod: whichever has a Pulumi.<stack>.yaml.")],
    *,
    expect_no_changes: Annotated[bool, typer.Option("--expect-no-changes", help="Fail if there are any.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Run Pulumi on STACK, after a check of its configuration.

    The policy pack is on, and each kind of failure has an exit code of its own.
    """
    options = [*(["--expect-no-changes"] if expect_no_changes else []), *(["--yes"] if yes else [])]
    pulumi.run(action.value, stack, tuple(options))
