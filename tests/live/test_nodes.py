"""Several nodes on one laptop: they join, share out what runs, and leave."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from scripts.ops.local.doctor import status
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until
from tests.support.jobs import await_running, run, sleeper
from tests.support.laptop import Laptop, laptop

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("local-faults")]


@pytest.fixture(scope="module")
def ours() -> Iterator[Laptop]:
    """A platform of its own: it gets more nodes here."""
    with laptop() as booted:
        yield booted


def test_more_nodes_join_and_leave(ours: Laptop) -> None:
    ours.up(replace(ours.settings, nodes=3))
    nodes = [(node.name, node.status, node.gpus) for node in status.nodes(ours.target.nomad)]
    assert nodes == [("nomad-1", "ready", 8), ("nomad-2", "ready", 8), ("nomad-3", "ready", 8)]
    run(ours.nomad, sleeper("spread", count=2, gpus=8))
    ours.up(replace(ours.settings, nodes=2))
    await_running(ours.nomad, "spread", 2)
    assert [(node.name, node.gpus_free) for node in status.nodes(ours.target.nomad)] == [("nomad-1", 0), ("nomad-2", 0)]
    ours.nomad.delete("/v1/job/spread", purge="true")
    ours.up()
    assert [node.name for node in status.nodes(ours.target.nomad)] == ["nomad-1"]


def test_each_nodes_instances_are_registered_with_a_consul_agent_of_its_own(ours: Laptop) -> None:
    """Else each Nomad client would deregister, from a minute on, what the others registered."""
    ours.up(replace(ours.settings, nodes=2))
    job = sleeper("apart", count=2, gpus=8)
    job["TaskGroups"][0]["Services"] = [{"Name": "apart", "Provider": "consul", "Address": "127.0.0.1"}]
    run(ours.nomad, job)
    wait_until(
        lambda: None if len(ours.consul.get("/v1/catalog/service/apart")) == 2 else "not both",
        where="consul",
        what="both registered",
        deadline_s=20,
    )
    on_node = {row["ID"]: row["NodeName"] for row in ours.nomad.get("/v1/job/apart/allocations")}
    by_agent = {
        row["ServiceID"].split("-task-")[1][:36]: row["Node"] for row in ours.consul.get("/v1/catalog/service/apart")
    }
    assert {on_node[one]: by_agent[one] for one in on_node} == {"nomad-1": "laptop", "nomad-2": "laptop-2"}
    ours.nomad.delete("/v1/job/apart", purge="true")
    ours.up()
    assert [name for name in Supervisor(ours.state).processes() if name.startswith("consul")] == ["consul"]
