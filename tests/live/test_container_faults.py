"""A laptop with containers under faults: what a daemon, a hand or a crash took away comes back, and `down` ends all."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from nomad_jobs.errors import BerthError
from nomad_jobs.model import Env
from scripts.ops.local import processes
from scripts.ops.local.boot import stop
from scripts.ops.local.settings import Containers
from scripts.ops.local.setup.seed import seed
from scripts.ops.waiting import wait_until
from tests.support.container_laptop import ContainerLaptop, container_laptop
from tests.support.crashed_up import REPOSITORY, kill_up_at
from tests.support.jobs import run, sleeper, task_of
from tests.support.laptop import Laptop, quiet
from tests.support.machines.namespaces import Namespace
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

KEPT = "/v1/secret/data/kept"
AGENTS = ("consul", "vault", "nomad-server", "nomad-1", "aws", "unseal", "registry")
SERVED = web("test-stays", says="still here")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerLaptop]:
    """Boot a separate laptop in a network of its own: these tests take away its daemon, its network, its rules."""
    with container_laptop(tmp_path_factory.mktemp("faults"), Namespace()) as booted:
        yield booted


@pytest.fixture(autouse=True)
def _inside(there: ContainerLaptop) -> Iterator[None]:
    with there.namespace.inside():
        yield


@pytest.fixture
def ours(there: ContainerLaptop) -> Laptop:
    """Repair what the test before left, and serve one service."""
    ours = there.laptop
    ours.up()
    seed([FRONT_DOOR, SERVED], ours.platform, ours.target.vault, ours.state.keys)
    ours.deploy(FRONT_DOOR, SERVED)
    assert said(ours) == "still here"
    return ours


def said(ours: Laptop) -> str:
    url = f"http://{ours.platform.entry}:{ours.platform.http_port}/said"
    try:
        return httpx.get(url, headers={"Host": "test-stays.localhost"}, trust_env=False).text
    except httpx.HTTPError as error:
        return repr(error)


def await_served(ours: Laptop, deadline_s: float = 90) -> None:
    wait_until(
        lambda: None if said(ours) == "still here" else said(ours),
        where="the front door",
        what="serving again",
        deadline_s=deadline_s,
    )


def test_up_says_that_docker_is_gone_and_services_come_back_by_themselves_with_it(
    there: ContainerLaptop, ours: Laptop
) -> None:
    there.docker.stop()
    assert "refused" in said(ours)
    with pytest.raises(BerthError, match=r"no Docker daemon answers at .*start Docker, or .*--no-containers"):
        ours.up()
    there.docker.start()
    await_served(ours)
    wait_until(lambda: "; ".join(ours.problems()) or None, where="doctor", what="no problem", deadline_s=30)


@pytest.mark.soak
def test_when_docker_was_away_for_long_doctor_says_so_and_up_brings_all_back(
    there: ContainerLaptop, ours: Laptop
) -> None:
    there.docker.stop()
    wait_until(
        lambda: None if newest(ours) == "failed" else newest(ours), where="nomad", what="its failure", deadline_s=60
    )
    assert [one for one in ours.problems() if one.startswith("Docker: no Docker daemon answers")]
    there.docker.start()
    ours.up()
    ours.deploy(FRONT_DOOR, SERVED)
    assert said(ours) == "still here"


def newest(ours: Laptop) -> str:
    """Give the state of the front door's newest instance."""
    rows = ours.target.nomad.allocations("ingress").body
    return str(max(rows, key=lambda row: row["CreateIndex"])["ClientStatus"])


def test_down_without_docker_ends_all_agents_and_the_next_up_serves_again(there: ContainerLaptop, ours: Laptop) -> None:
    there.docker.stop()
    try:
        stop.down(ours.state, quiet(), deadline_s=5)
        assert processes.of_state(ours.state.root) == []
    finally:
        there.docker.start()
    ours.up()
    ours.deploy(FRONT_DOOR, SERVED)
    assert said(ours) == "still here"


@pytest.mark.parametrize("also", [(), AGENTS], ids=["supervisor", "all"])
def test_containers_outlive_a_killed_supervisor_and_up_adopts_them(
    there: ContainerLaptop, ours: Laptop, also: tuple[str, ...]
) -> None:
    before = there.containers()
    ours.kill(*also)
    assert said(ours) == "still here"
    ours.up()
    assert there.containers() == before
    assert said(ours) == "still here"
    assert [one.changed for one in ours.deploy(FRONT_DOOR, SERVED)] == [False, False]


def test_down_after_a_crash_removes_containers_network_and_rules(there: ContainerLaptop, ours: Laptop) -> None:
    assert len(there.containers()) == 2
    ours.kill(*AGENTS)
    stop.down(ours.state, quiet())
    assert there.docker("ps", "--all", "--quiet") == ""
    assert there.docker("network", "ls", "--format", "{{.Name}}").split() == ["host", "none"]
    assert network(ours).network not in there.rules()
    ours.up()


@pytest.mark.parametrize("part", [pytest.param("network", marks=pytest.mark.soak), "nodes"])
def test_an_up_that_was_killed_is_finished_by_the_next(ours: Laptop, part: str) -> None:
    stop.down(ours.state, quiet())
    kill_up_at(f"✓ {part} ", ours.state, {})
    ours.up()
    ours.deploy(FRONT_DOOR, SERVED)
    assert (ours.problems(), said(ours)) == ([], "still here")


def test_a_network_that_was_removed_by_hand_is_made_again(there: ContainerLaptop, ours: Laptop) -> None:
    subnet = network(ours).subnet
    there.docker("rm", "--force", *there.containers())
    there.docker("network", "rm", network(ours).network)
    ours.up()
    ours.deploy(FRONT_DOOR, SERVED)
    assert (network(ours).subnet, said(ours)) == (subnet, "still here")


def test_rules_that_were_flushed_by_hand_are_written_again(there: ContainerLaptop, ours: Laptop) -> None:
    before = there.rules()
    for table in ("raw", "filter", "nat"):
        subprocess.run(["iptables", "--wait", "-t", table, "-F"], check=True)
    assert [one for one in ours.problems() if one.startswith("outside: a neighbour reaches")]
    ours.up()
    assert ours.problems() == []
    assert ours_in(before, ours) == ours_in(there.rules(), ours)
    assert said(ours) == "still here"
    new = replace(SERVED, env=(Env(name="NEW", value="instance"),))
    assert [one.changed for one in ours.deploy(new)] == [True]
    assert said(ours) == "still here"


def test_two_nodes_leave_each_others_containers_alone(there: ContainerLaptop, ours: Laptop) -> None:
    with on_two_nodes(ours):
        wait_until(
            lambda: None if len(there.containers()) == 4 else "others", where="Docker", what="four", deadline_s=20
        )
        before = there.containers()
        ours.kill("nomad-1", "nomad-2")
        ours.up(replace(ours.settings, nodes=2))
        assert there.containers() == before
        for node in ("nomad-1", "nomad-2"):
            config = (ours.state.run / f"{node}.hcl").read_text()
            assert "dangling_containers { enabled = false }" in config


@pytest.mark.soak
def test_two_nodes_leave_each_others_containers_alone_for_as_long_as_a_collector_waits(
    there: ContainerLaptop, ours: Laptop
) -> None:
    """Nomad's collector has a period and a grace of five minutes each."""
    with on_two_nodes(ours), pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["docker", "-H", there.docker.host, "wait", *there.containers()], timeout=660, check=False)


@contextmanager
def on_two_nodes(ours: Laptop) -> Iterator[None]:
    """Add a node, and run an instance on each; undo both."""
    ours.up(replace(ours.settings, nodes=2))
    job = sleeper("apart", count=2, gpus=8)
    (group,) = job["TaskGroups"]
    group["Tasks"] = [{**group["Tasks"][0], **task_of(ours, "apart", "sleep", "3600")}]
    run(ours.nomad, job)
    try:
        rows = ours.nomad.get("/v1/job/apart/allocations")
        assert {row["NodeName"] for row in rows} == {"nomad-1", "nomad-2"}
        yield
    finally:
        ours.nomad.delete("/v1/job/apart", purge="true")
        ours.up()


def test_processes_and_containers_take_turns_and_keep_all_data(there: ContainerLaptop, ours: Laptop) -> None:
    ours.vault.post(KEPT, json={"options": {"cas": 0}, "data": {"value": "still here"}})
    up(ours, there, "--no-containers")
    assert there.docker("ps", "--all", "--quiet") == ""
    assert network(ours).network not in there.rules()
    assert drivers(ours) == {"raw_exec"}
    up(ours, there, "--containers")
    assert drivers(ours) == {"docker"}
    assert ours.vault.get(KEPT)["data"]["data"] == {"value": "still here"}
    ours.deploy(FRONT_DOOR, SERVED)
    assert said(ours) == "still here"


def up(ours: Laptop, there: ContainerLaptop, how: str) -> None:
    env = {**os.environ, "BERTH_STATE_DIR": str(ours.state.root), "DOCKER_HOST": there.docker.host}
    argv = [sys.executable, "-m", "scripts", "up", "--no-deploy", how]
    done = subprocess.run(argv, env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def drivers(ours: Laptop) -> set[str]:
    nodes = [ours.nomad.get(f"/v1/node/{row['ID']}") for row in ours.nomad.get("/v1/nodes") if row["Status"] == "ready"]
    return {name for node in nodes for name, driver in node["Drivers"].items() if driver["Healthy"]}


def network(ours: Laptop) -> Containers:
    assert ours.settings.containers
    return ours.settings.containers


def ours_in(text: str, ours: Laptop) -> list[str]:
    """Give the rules of Berth's own chains, and those that lead there."""
    chain = network(ours).network
    return [line for line in text.splitlines() if line.startswith(f"-A {chain} ") or line.endswith(f"-j {chain}")]
