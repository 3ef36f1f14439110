"""The laptop under faults: what is killed, lost or interrupted comes back by itself or by the next `berth up`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.local import processes
from scripts.ops.local.boot import start, stop
from scripts.ops.local.doctor import platform as check_platform
from scripts.ops.local.doctor import status
from scripts.ops.local.doctor.findings import Mark
from scripts.ops.local.settings import PORTS_PER_NODE, Settings
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until
from tests.support.crashed_up import kill_up_at
from tests.support.jobs import await_running, run, sleeper
from tests.support.laptop import Laptop, free_ports, laptop, quiet

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("local-faults")]

KEPT = "/v1/secret/data/kept"
AGENTS = ("consul", "vault", "nomad-server", "nomad-1", "aws", "unseal")


@pytest.fixture(scope="module")
def ours() -> Iterator[Laptop]:
    """Boot a separate platform, since these tests would disturb others."""
    with laptop() as booted:
        booted.vault.post(KEPT, json={"options": {"cas": 0}, "data": {"value": "still here"}})
        yield booted


@pytest.mark.parametrize("name", ["consul", "vault", "nomad-server", "nomad-1", "unseal"])
def test_an_agent_that_is_killed_comes_back_by_itself(ours: Laptop, name: str) -> None:
    before = _pids(ours)[name]
    psutil.Process(before).kill()
    wait_until(lambda: _not_anew(ours, name, before), where=name, what="a restart", deadline_s=15)
    wait_until(lambda: _not_serving(ours), where=name, what="serving", deadline_s=30)
    assert {one.name: one.restarts for one in status.agents(ours.state)}[name] >= 1


@pytest.mark.parametrize("also", [(), AGENTS], ids=["supervisor", "all"])
def test_up_repairs_what_was_killed_with_its_supervisor(ours: Laptop, also: tuple[str, ...]) -> None:
    before = _pids(ours)
    for pid in (Supervisor(ours.state).pid(), *(before[name] for name in also)):
        psutil.Process(pid).kill()
    ours.up()
    assert not set(before.values()) & {process.pid for process in processes.of_state(ours.state.root)}
    assert ours.vault.get(KEPT)["data"]["data"] == {"value": "still here"}
    assert _not_serving(ours) is None


def test_down_stops_every_task_and_up_brings_them_back(ours: Laptop) -> None:
    run(ours.nomad, sleeper("pair", count=2))
    run(ours.nomad, sleeper("everywhere", kind="system"))
    stop.down(ours.state, quiet(), deadline_s=20)
    assert processes.of_state(ours.state.root) == []
    ours.up()
    for job, count in (("pair", 2), ("everywhere", 1)):
        await_running(ours.nomad, job, count)
    assert [node.eligible for node in status.nodes(ours.target.nomad)] == [True]
    assert ours.vault.get(KEPT)["data"]["data"] == {"value": "still here"}


def test_down_ends_tasks_whose_agents_are_dead(ours: Laptop) -> None:
    run(ours.nomad, sleeper("orphan"))
    for pid in (Supervisor(ours.state).pid(), *_pids(ours).values()):
        psutil.Process(pid).kill()
    assert [one for one in processes.of_state(ours.state.root) if "sleep" in one.name()]
    stop.down(ours.state, quiet())
    assert processes.of_state(ours.state.root) == []
    ours.up()


def test_other_ports_are_taken_up_with_all_data(ours: Laptop) -> None:
    with free_ports() as ports:
        moved = Settings(ports={**ports, "dynamic": ours.settings.port("dynamic") + PORTS_PER_NODE})
        platform = ours.up(moved)
    assert platform.nomad_url.endswith(f":{moved.port('nomad_http')}")
    assert [one.check for one in check_platform.findings(ours.state, moved) if one.mark is Mark.PROBLEM] == []
    ours.up()
    assert ours.vault.get(KEPT)["data"]["data"] == {"value": "still here"}


def test_a_large_audit_file_is_set_aside_and_vault_goes_on_in_a_new_one(ours: Laptop) -> None:
    log = ours.state.logs / "vault-audit.log"
    with log.open("a") as file:
        file.truncate(60 * 2**20)  # sparse: it takes no room
    ours.up()
    assert log.with_suffix(".log.1").stat().st_size >= 60 * 2**20
    wait_until(lambda: None if log.exists() else "no new file", where="vault", what="a new audit file", deadline_s=5)
    ours.vault.get(KEPT)
    assert "secret/data/kept" in log.read_text()


def test_doctor_names_an_agent_that_is_down_and_its_fix(ours: Laptop) -> None:
    Supervisor(ours.state).stop("consul")
    found = [one for one in check_platform.findings(ours.state, ours.settings) if one.mark is Mark.PROBLEM]
    assert found[0].check == "agent consul"
    assert all(one.fix for one in found)
    ours.up()


def test_an_agent_that_cannot_start_is_named_with_its_log(ours: Laptop) -> None:
    Supervisor(ours.state).stop("consul")
    meta = ours.state.root / "consul" / "node-id"
    kept = meta.read_text()
    meta.write_text("no id at all")
    with pytest.raises(BerthError, match=r"(?s)^consul: keeps ending.*node ID"):
        ours.up()
    meta.write_text(kept)
    ours.up()


def test_a_lost_token_file_is_replaced(ours: Laptop) -> None:
    for name in ("consul-agent", "consul-nomad", "vault-operator"):
        (ours.state.keys / name).unlink()
    ours.up()
    assert _not_anonymous(ours.state) is None
    assert not [one for one in check_platform.findings(ours.state, ours.settings) if one.mark is Mark.PROBLEM]


def test_a_lost_first_token_of_nomad_is_said_with_the_way_out(ours: Laptop) -> None:
    path = ours.state.keys / "nomad-bootstrap"
    kept = path.read_text()
    path.unlink()
    with pytest.raises(BerthError, match=r"nomad: refuses our token.*put .*nomad-bootstrap back"):
        ours.up()
    path.write_text(kept)
    ours.up()


def test_vault_without_its_key_is_left_alone_unless_nobody_ever_had_it(ours: Laptop) -> None:
    stop.down(ours.state, quiet())
    (ours.state.keys / "vault-init.json").rename(ours.state.keys / "aside")
    with pytest.raises(BerthError, match="vault: its unseal key is missing"):
        ours.up()
    (ours.state.keys / "vault-init.begun").touch()  # as if a crash had come between init and the key's file
    ours.up()
    assert _not_anonymous(ours.state) is None
    assert not (ours.state.keys / "vault-init.begun").exists()


def test_a_first_boot_that_is_killed_again_and_again_is_repaired() -> None:
    state = State(Path(tempfile.mkdtemp(prefix="berth-")))
    with free_ports() as ports:
        try:
            for moment in ("… vault ", "… nomad ", "… vault set-up", "✓ vault set-up"):
                kill_up_at(moment, state, ports)
            start.up(state, Settings(ports=ports), quiet())
            found = list(check_platform.findings(state, Settings(ports=ports)))
            assert [one for one in found if one.mark is Mark.PROBLEM] == []
        finally:
            stop.down(state, quiet())
            stop.destroy(state)


def _pids(ours: Laptop) -> dict[str, int]:
    return {name: process.pid for name, process in Supervisor(ours.state).processes().items() if process.pid}


def _not_anew(ours: Laptop, name: str, before: int) -> str | None:
    now = Supervisor(ours.state).processes()[name]
    return None if now.state == "RUNNING" and now.pid not in {0, before} else f"it is {now.state}"


def _not_serving(ours: Laptop) -> str | None:
    try:
        ours.vault.get(KEPT)
        ours.consul.get("/v1/acl/token/self")
        nodes = status.nodes(ours.target.nomad)
    except BerthError as error:
        return str(error)
    return None if [node.status for node in nodes] == ["ready"] else str(nodes)


def _not_anonymous(state: State) -> str | None:
    return None if all(state.key(name) for name in ("consul-agent", "consul-nomad", "vault-operator")) else "no keys"
