"""Checks the rules from inside the program, when the engine was started without the policy pack."""

import os
from typing import Any

import pulumi

from infra.policy.resource import UNKNOWN, Resource
from infra.policy.rules import check

SETTING = "PULUMI_OPTION_POLICY_PACK"
"""Pulumi reads any option from the environment, this one among them; .envrc and `berth infra` set it."""


def guard() -> None:
    """Have every resource checked before it is made, unless the engine does so itself.

    Pulumi has no setting in a project file that runs a pack (pulumi/pulumi#5541): a bare `pulumi up` would run none.
    """
    if not os.environ.get(SETTING):
        pulumi.log.warn(f"the policy pack is off, so the program checks alone: export {SETTING}=infra/policy")
        pulumi.runtime.register_resource_transform(_refuse)


async def _refuse(args: pulumi.ResourceTransformArgs) -> None:
    props = {name: await _known(value) for name, value in args.props.items()}
    found = [str(one) for one in check(Resource(type=args.type_, name=args.name, props=props))]
    for one in found:
        pulumi.log.error(one)
    if found:
        raise pulumi.RunError("; ".join(found))


async def _known(value: Any) -> Any:
    """Wait for a value; what a preview cannot know stays unknown."""
    if isinstance(value, pulumi.Output):
        return await _known(await value.future()) if await value.is_known() else UNKNOWN
    if isinstance(value, dict):
        return {name: await _known(one) for name, one in value.items()}
    if isinstance(value, list):
        return [await _known(one) for one in value]
    return value
