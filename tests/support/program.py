"""The whole program against mocks, with small files in place of the programs that machines run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi_aws import get_caller_identity

from infra.__main__ import build
from infra.compute.program_files import AGENT_VERSIONS, DEVICE_PLUGIN, DEVICE_PLUGIN_VERSION, gather
from infra.config.stack import StackConfig
from infra.parts import StackInputs
from infra.policy.resource import UNKNOWN, Resource
from tests.support.graph import Graph, Node, record
from tests.support.stacks import values


def fake_programs(folder: Path) -> Path:
    """Lay out small files where `gather` looks for programs."""
    for name, version in {**AGENT_VERSIONS, DEVICE_PLUGIN: DEVICE_PLUGIN_VERSION}.items():
        path = folder / name / f"{version}_linux_amd64" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {version}, for tests\n")
    return folder


def stack_graph(stack: str, folder: Path, changes: Mapping[str, Any] | None = None, *, preview: bool = False) -> Graph:
    """Run the program for a stack file, with `changes` made to its settings."""
    config = StackConfig.parse(values(stack, changes))
    files = gather(needs_gpus=True, folder=fake_programs(folder))
    return record(
        lambda: build(StackInputs(config, get_caller_identity().account_id, files)), stack=stack, preview=preview
    )


def as_resource(node: Node) -> Resource:
    """Give a recorded resource as the rules of the policy pack look at it."""
    return Resource(
        type=node.type,
        name=node.name,
        props=_known(node.inputs),
        urn=node.urn,
        made_from=node.property_dependencies,
    )


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _known(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_known(one) for one in value]
    return UNKNOWN if type(value).__name__ == "Unknown" else value
