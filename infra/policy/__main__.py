"""The policy pack: checks every resource against every rule, before the engine makes or changes it."""

from collections.abc import Mapping
from typing import Any

import pulumi_policy as policy
from pulumi_policy import proxy

from infra.policy.resource import UNKNOWN, Resource
from infra.policy.rules import check, check_stack


def _each(args: policy.ResourceValidationArgs, report: policy.ReportViolation) -> None:
    resource = Resource(type=args.resource_type, name=args.name, props=_plain(args.props), urn=args.urn)
    for violation in check(resource):
        report(str(violation), args.urn)


def _together(args: policy.StackValidationArgs, report: policy.ReportViolation) -> None:
    urns = {one.name: one.urn for one in args.resources}
    for violation in check_stack([_resource(one) for one in args.resources]):
        report(str(violation), urns[violation.resource])


def _resource(one: policy.PolicyResource) -> Resource:
    made_from = {name: tuple(other.urn for other in others) for name, others in one.property_dependencies.items()}
    return Resource(type=one.resource_type, name=one.name, props=_plain(one.props), urn=one.urn, made_from=made_from)


def _plain(value: Any) -> Any:
    """Remove the SDK's wrappers: they raise on the first unknown value, which would end the whole policy."""
    if isinstance(value, proxy._DictProxy | proxy._ListProxy):  # noqa: SLF001 - it has no other way in
        value = value["__target"]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return UNKNOWN if proxy._is_unknown(value) else value  # noqa: SLF001 - as above


policy.PolicyPack(
    "berth-leak",
    enforcement_level=policy.EnforcementLevel.MANDATORY,
    policies=[
        policy.ResourceValidationPolicy(
            name="leak",
            description="The LEAK rules that one resource can break by itself.",
            validate=_each,
        ),
        policy.StackValidationPolicy(
            name="leak-together",
            description="The LEAK rules about resources together.",
            validate=_together,
        ),
    ],
)
