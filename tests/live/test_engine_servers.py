"""A change to the servers under the real engine: one after the other is replaced, and keeps its address and data."""

import pytest

from tests.support.engine_stacks import Built

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("engine")]
OTHER_TYPE = "m7i.xlarge"


def test_servers_are_replaced_one_by_one_and_keep_their_places(engine_stack: Built) -> None:
    servers = engine_stack.config.servers
    places = {name: held(engine_stack, name) for name in ("describe_volumes", "describe_network_interfaces")}
    engine_stack.configure("berth:server_type", OTHER_TYPE)
    up = engine_stack.engine.run("up")
    assert up.code == 0, up.said
    done = [(step.op, step.name) for step in up.steps if step.op not in {"same", "refresh", "replace"}]
    templates = {("update", f"servers-{slot}-template") for slot in range(servers)}
    assert {step for step in done if step[0] == "update"} == templates
    assert [step for step in done if step[0] != "update"] == [
        (op, f"servers-{slot}") for slot in range(servers) for op in ("delete-replaced", "create-replacement")
    ]
    assert places == {name: held(engine_stack, name) for name in places}
    again = engine_stack.engine.run("preview", "--expect-no-changes")
    assert (again.code, again.counts) == (0, {}), again.said


def held(stack: Built, what: str) -> set[str]:
    """Identifiers of what the servers' places hold, as AWS tells of it."""
    found = getattr(stack.aws("ec2"), what)(Filters=[{"Name": "tag:berth:stack", "Values": [stack.stack]}])
    kind, key = ("Volumes", "VolumeId") if what == "describe_volumes" else ("NetworkInterfaces", "NetworkInterfaceId")
    parts = [{tag["Key"]: tag["Value"] for tag in one.get("Tags", one.get("TagSet", []))} for one in found[kind]]
    return {one[key] for one, tags in zip(found[kind], parts, strict=True) if tags["berth:part"].startswith("server-")}
