"""Runs a Pulumi program against mocks and gives the whole graph back: every resource, its inputs and its options."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import run_pulumi_func

ACCOUNT = "123456789012"
REGION = "eu-west-1"

_ANSWERS: dict[str, dict[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/test",
        "id": ACCOUNT,
        "userId": "AIDATEST",
    },
    "aws:ssm/getParameter:getParameter": {"value": "ami-0123456789abcdef0", "type": "String"},
}

_LIMIT_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One resource as the engine would see it; names of inputs are those of the wire (`cidrBlock`)."""

    type: str
    name: str
    urn: str
    inputs: Mapping[str, Any]
    parent: str
    """URN of the component it belongs to."""
    is_component: bool
    dependencies: frozenset[str]
    """URNs of the resources that must exist first."""
    property_dependencies: Mapping[str, tuple[str, ...]]
    """URNs that each input's value was made from."""
    protect: bool
    retain_on_delete: bool
    ignore_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    secret_outputs: tuple[str, ...]
    delete_before_replace: bool
    replace_on_changes: tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class Graph:
    """What a program registered, in order; `outputs` are its exports, `component_outputs` by URN."""

    nodes: list[Node] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    component_outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Node:
        """The one resource with this logical name."""
        found = [node for node in self.nodes if node.name == name]
        assert len(found) == 1, f"{len(found)} resources are named {name!r}; there are {self.names}"
        return found[0]

    @property
    def names(self) -> list[str]:
        """Every logical name, in the order of registration."""
        return [node.name for node in self.nodes]

    @property
    def resources(self) -> list[Node]:
        """All but the components."""
        return [node for node in self.nodes if not node.is_component]

    def of(self, kind: str) -> list[Node]:
        """All of a type, by the last part of its token: `Subnet`, `SecurityGroup`."""
        return [node for node in self.nodes if node.type.rsplit(":", 1)[-1] == kind]

    def children(self, urn: str) -> list[Node]:
        """All whose parent this is."""
        return [node for node in self.nodes if node.parent == urn]


class GraphMocks(mocks.Mocks):
    """Answers as AWS would: identifiers and ARNs that look real, and what each type computes.

    `answers` adds to (or replaces) what functions return, by token."""

    def __init__(self, answers: Mapping[str, dict[str, Any]] | None = None, *, preview: bool = False) -> None:
        self.answers = {**_ANSWERS, **(answers or {})}
        self.preview = preview

    def call(self, args: mocks.MockCallArgs) -> Any:
        """Answer a function; one without an answer fails the test."""
        assert args.token in self.answers, f"the program calls {args.token}, for which this test has no answer"
        return {**args.args, **self.answers[args.token]}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Make a resource: unknown identifiers in a preview, as with the engine."""
        if not args.custom or self.preview:
            return "", dict(args.inputs)
        # A bucket is known by its name, everything else by an identifier of AWS's own.
        identity = str(args.inputs.get("bucket")) if args.typ == "aws:s3/bucket:Bucket" else f"{args.name}-id"
        return identity, {**_computed(args.typ, args.name, args.inputs), **args.inputs}


class _Monitor(mocks.MockMonitor):
    """Keeps what the plain mock monitor drops of each registration."""

    def __init__(self, answering: GraphMocks) -> None:
        super().__init__(answering)
        self.graph = Graph()

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.graph.nodes.append(_node(request, response.urn))
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self.graph.component_outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def record(
    program: Callable[[], object],
    *,
    stack: str = "dev",
    preview: bool = False,
    config: Mapping[str, Any] | None = None,
    answers: Mapping[str, dict[str, Any]] | None = None,
) -> Graph:
    """Run `program`, await everything it made, and return the graph; what it raises is raised here.

    `config` is the stack's configuration by full key (`berth:cidr`); what is no text becomes JSON, as Pulumi does it.
    """
    monitor = _Monitor(GraphMocks(answers, preview=preview))
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (config or {}).items()}
    with _event_loop() as loop:
        set_root_resource(None)  # type: ignore[arg-type]  # a stack of an earlier test would take our outputs
        mocks.set_mocks(monitor.mocks, project="berth", stack=stack, preview=preview, monitor=monitor)
        # Outputs that an earlier program left unawaited belong to its closed loop: this one would wait for ever.
        SETTINGS.outputs = set()
        pulumi.runtime.set_all_config(texts)
        running = asyncio.wait_for(run_pulumi_func(lambda: _nothing(program())), _LIMIT_S)
        loop.run_until_complete(running)
        monitor.graph.outputs = loop.run_until_complete(_exports())
    return monitor.graph


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give a loop whose worker thread has one too (the mock monitor asks for it), and close them all.

    One worker, so that resources are registered in the same order every time.
    """
    loops = [asyncio.new_event_loop()]

    def one_more() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    asyncio.set_event_loop(loops[0])
    try:
        with ThreadPoolExecutor(max_workers=1, initializer=one_more) as workers:
            loops[0].set_default_executor(workers)
            yield loops[0]
    finally:
        pulumi.runtime.set_all_config({})
        asyncio.set_event_loop(None)
        for loop in loops:
            loop.close()


def _nothing(_: object) -> None:
    """Let a program be a lambda: what it returns is no coroutine to wait for."""


async def _exports() -> dict[str, Any]:
    root: Any = get_root_resource()
    return {name: await pulumi.Output.from_input(value).future() for name, value in root.outputs.items()}


def _node(request: Any, urn: str) -> Node:
    return Node(
        type=request.type,
        name=request.name,
        urn=urn,
        inputs=rpc.deserialize_properties(request.object, keep_unknowns=True),
        parent=request.parent,
        is_component=not request.custom,
        dependencies=frozenset(request.dependencies),
        property_dependencies={key: tuple(one.urns) for key, one in request.propertyDependencies.items()},
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        ignore_changes=tuple(request.ignoreChanges),
        aliases=tuple(request.aliasURNs) + tuple(alias.urn or alias.spec.name for alias in request.aliases),
        secret_outputs=tuple(request.additionalSecretOutputs),
        delete_before_replace=request.deleteBeforeReplace,
        replace_on_changes=tuple(request.replaceOnChanges),
    )


def _computed(kind: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    service, _, last = kind.removeprefix("aws:").partition("/")
    what = last.split(":")[0]
    account, place = {"s3": ("", ""), "iam": (ACCOUNT, "")}.get(service, (ACCOUNT, REGION))
    path = inputs.get("bucket", name) if service == "s3" else f"{what.lower()}/{name}"
    state: dict[str, Any] = {"arn": f"arn:aws:{service}:{place}:{account}:{path}", "name": name}
    if what == "vpc":
        state |= {"defaultSecurityGroupId": f"{name}-default-sg", "defaultRouteTableId": f"{name}-default-rt"}
        state |= {"ipv6CidrBlock": "2001:db8:12:3400::/56"} if inputs.get("assignGeneratedIpv6CidrBlock") else {}
    elif what == "vpcEndpoint":
        state |= {"prefixListId": f"pl-{name}"}
    elif what == "bucket":
        state |= {"bucket": name, "bucketDomainName": f"{inputs.get('bucket', name)}.s3.amazonaws.com"}
    elif what == "certificate":
        proof = {"resourceRecordName": "_proof", "resourceRecordType": "CNAME", "resourceRecordValue": "_value"}
        state |= {"domainValidationOptions": [proof]}
    elif what == "networkInterface":
        state |= {"privateIp": f"10.0.0.{4 + sum(name.encode()) % 250}"}
    elif what == "launchTemplate":
        state |= {"latestVersion": 1}
    elif what == "zone":
        state |= {"zoneId": f"Z{name.upper()}"}
    elif what == "loadBalancer":
        state |= {"dnsName": f"{name}.elb.{REGION}.amazonaws.com", "zoneId": "Z2IFOLAFXWLO4F"}
    return state
