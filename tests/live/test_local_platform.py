"""The local platform with the real programs: closed from the first minute, and mended whatever is killed."""

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from scripts.ops.local import agents, processes, status
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("platform")]

KEPT = "/v1/secret/data/kept"


@pytest.fixture(scope="module", autouse=True)
def _a_secret_written_before(platform: Laptop) -> None:
    platform.vault.post(KEPT, json={"options": {"cas": 0}, "data": {"value": "still here"}})


@pytest.mark.parametrize(
    ("api", "path"),
    [
        ("nomad", "/v1/jobs"),
        ("nomad", "/v1/nodes"),
        ("nomad", "/v1/agent/self"),
        ("consul", "/v1/agent/self"),
        ("consul", "/v1/kv/berth"),
        ("consul", "/v1/acl/tokens"),
        ("vault", "/v1/sys/mounts"),
        ("vault", "/v1/secret/data/kept"),
    ],
)
@pytest.mark.parametrize("token", ["", "0b0c0d0e-0000-4000-8000-000000000000"])
def test_anonymous_and_bogus_tokens_are_refused(platform: Laptop, api: str, path: str, token: str) -> None:
    url = {
        "nomad": platform.platform.nomad_url,
        "consul": platform.platform.consul_url,
        "vault": platform.platform.vault_url,
    }
    header = {"nomad": "X-Nomad-Token", "consul": "X-Consul-Token", "vault": "X-Vault-Token"}[api]
    answer = httpx.get(url[api] + path, headers={header: token} if token else {}, trust_env=False)
    assert answer.status_code == httpx.codes.FORBIDDEN


def test_everything_listens_on_loopback_only(platform: Laptop) -> None:
    ours = {process.pid for process in processes.of_state(platform.state.root)}
    listening = [one for one in psutil.net_connections("inet") if one.pid in ours and one.status == psutil.CONN_LISTEN]
    assert len(listening) >= 9
    assert {one.laddr.ip for one in listening} == {"127.0.0.1", "127.0.0.2"}


def test_the_secrets_engine_refuses_a_write_that_names_no_version(platform: Laptop) -> None:
    answer = httpx.post(
        platform.platform.vault_url + KEPT,
        json={"data": {"value": "overwritten"}},
        headers={"X-Vault-Token": platform.credentials.vault},
        trust_env=False,
    )
    assert "check-and-set parameter required" in answer.text


def test_the_deployers_token_cannot_widen_itself(platform: Laptop) -> None:
    headers = {"X-Vault-Token": platform.credentials.vault}
    for path in ("sys/policies/acl/platform-operator", "sys/policies/acl/other", "auth/token/create"):
        answer = httpx.put(f"{platform.platform.vault_url}/v1/{path}", json={}, headers=headers, trust_env=False)
        assert answer.status_code == httpx.codes.FORBIDDEN, path


def test_the_state_directory_is_for_its_owner_alone(platform: Laptop) -> None:
    root = platform.state.root
    for folder in (root, *(root / name for name in ("keys", "run", "logs", "consul", "vault", "nomad-1"))):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for file in [*(root / "keys").iterdir(), *(root / "run").glob("*.hcl"), root / "logs" / "vault-audit.log"]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_no_token_shows_in_command_lines_output_or_logs(platform: Laptop) -> None:
    state = platform.state
    argv = [sys.executable, "-m", "scripts", "up", "--no-deploy", "--json"]
    shown = subprocess.run(
        argv, env={**_environment(), "BERTH_STATE_DIR": str(state.root)}, capture_output=True, text=True, check=True
    )
    secrets = [
        (state.keys / name).read_text().strip()
        for name in ("consul-management", "consul-nomad", "consul-agent", "nomad-bootstrap", "vault-operator")
    ]
    lines = [" ".join(process.cmdline()) for process in processes.of_state(state.root)]
    logs = [path.read_text(errors="replace") for path in state.logs.iterdir()]
    for secret in secrets:
        assert not any(secret in text for text in (*lines, *logs, shown.stdout, shown.stderr))


def test_agents_get_a_clean_environment(platform: Laptop) -> None:
    allowed = {"HOME", "LANG", "PATH", "BERTH_PLATFORM", "BERTH_CONFIG"}
    for name, process in Supervisor(platform.state).processes().items():
        given = {key for key in psutil.Process(process.pid).environ() if not key.startswith("SUPERVISOR_")}
        assert given == allowed, name


def test_a_second_up_changes_nothing(platform: Laptop) -> None:
    before = _pids(platform), _files(platform)
    assert platform.up() == platform.platform
    assert (_pids(platform), _files(platform)) == before


@pytest.mark.parametrize("name", ["consul", "vault", "nomad-server", "nomad-1"])
def test_an_agent_that_is_killed_comes_back_by_itself(platform: Laptop, name: str) -> None:
    before = _pids(platform)[name]
    psutil.Process(before).send_signal(signal.SIGKILL)
    wait_until(lambda: _not_anew(platform, name, before), where=name, what="a restart", deadline_s=15)
    wait_until(lambda: _not_serving(platform), where=name, what="serving", deadline_s=30)
    assert {one.name: one.restarts for one in status.agents(platform.state)}[name] >= 1


@pytest.mark.parametrize("also", [(), ("consul", "vault", "nomad-server", "nomad-1", "aws", "unseal")], ids=["supervisor", "all"])
def test_up_mends_what_was_killed_with_its_supervisor(platform: Laptop, also: tuple[str, ...]) -> None:
    before = _pids(platform)
    supervisor = Supervisor(platform.state).pid()
    for pid in (supervisor, *(before[name] for name in also)):
        psutil.Process(pid).kill()
    platform.up()
    assert not set(before.values()) & {process.pid for process in processes.of_state(platform.state.root)}
    assert platform.vault.get(KEPT)["data"]["data"] == {"value": "still here"}
    assert _not_serving(platform) is None


def test_more_nodes_join_and_leave(platform: Laptop) -> None:
    platform.up(replace(platform.settings, nodes=3))
    nodes = status.nodes(platform.nomad)
    assert [(node.name, node.status, node.gpus) for node in nodes] == [
        (f"nomad-{one}", "ready", 8) for one in (1, 2, 3)
    ]
    platform.up(replace(platform.settings, nodes=1))
    assert [node.name for node in status.nodes(platform.nomad)] == ["nomad-1"]


def test_a_bystander_in_the_state_directory_is_not_ours(platform: Laptop) -> None:
    bystander = subprocess.Popen(
        ["tail", "-f", str(platform.state.logs / "consul.log")], cwd=platform.state.root, stdout=subprocess.DEVNULL
    )
    try:
        assert bystander.pid not in {process.pid for process in processes.of_state(platform.state.root)}
    finally:
        bystander.kill()
        bystander.wait()


def _environment() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin", "HOME": str(Path.home())}


def _pids(platform: Laptop) -> dict[str, int]:
    return {name: process.pid for name, process in Supervisor(platform.state).processes().items()}


def _files(platform: Laptop) -> dict[str, int]:
    state = platform.state
    folders = (state.keys, state.run)
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    return {path.name: path.stat().st_mtime_ns for path in (*files, state.root / "settings.json")}


def _not_anew(platform: Laptop, name: str, before: int) -> str | None:
    now = Supervisor(platform.state).processes()[name]
    return None if now.state == "RUNNING" and now.pid not in {0, before} else f"it is {now.state}"


def _not_serving(platform: Laptop) -> str | None:
    try:
        assert platform.vault.get(KEPT)["data"]["data"]["value"]
        assert platform.consul.get("/v1/acl/token/self")
        nodes = status.nodes(platform.nomad)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not serving yet
        return str(error)
    return None if [node.status for node in nodes] == ["ready"] else str(nodes)
