"""The local platform with the real programs: no API is open without a token, and no token is shown."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.local import processes
from scripts.ops.local.boot import start
from scripts.ops.local.doctor import machine as check_machine
from scripts.ops.local.doctor import platform as check_platform
from scripts.ops.local.doctor import status
from scripts.ops.local.doctor.findings import Mark
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Supervisor
from scripts.ops.toolchain.order import resolve
from tests.support.laptop import Laptop, command_lines, free_ports, quiet

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("platform")]

REPOSITORY = Path(__file__).parents[2]
AGENTS = REPOSITORY / "tests" / "golden" / "agents"
KEPT = "/v1/secret/data/kept"
HEADERS = {"nomad": "X-Nomad-Token", "consul": "X-Consul-Token", "vault": "X-Vault-Token"}


def url(platform: Laptop, api: str) -> str:
    return str(getattr(platform.platform, f"{api}_url"))


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
        ("vault", KEPT),
    ],
)
@pytest.mark.parametrize("token", ["", "0b0c0d0e-0000-4000-8000-000000000000"], ids=["anonymous", "bogus"])
def test_who_has_no_token_is_refused(platform: Laptop, api: str, path: str, token: str) -> None:
    headers = {HEADERS[api]: token} if token else {}
    answer = httpx.get(url(platform, api) + path, headers=headers, trust_env=False)
    assert answer.status_code == httpx.codes.FORBIDDEN


@pytest.mark.both_drivers
def test_everything_listens_on_loopback_only_but_the_registry_of_containers(platform: Laptop) -> None:
    listening = processes.listening({process.pid for process in processes.of_state(platform.state.root)})
    assert len(listening) >= 9
    elsewhere = {(address, port) for address, port, _ in listening if not address.startswith("127.")}
    docker = platform.settings.containers
    assert elsewhere == ({(docker.address, platform.settings.port("registry"))} if docker else set())


def test_the_secrets_engine_refuses_a_write_that_names_no_version(platform: Laptop) -> None:
    headers = {"X-Vault-Token": platform.credentials.vault}
    answer = httpx.post(url(platform, "vault") + KEPT, json={"data": {"a": "b"}}, headers=headers, trust_env=False)
    assert "check-and-set parameter required" in answer.text


@pytest.mark.parametrize("path", ["sys/policies/acl/platform-operator", "sys/policies/acl/other", "auth/token/create"])
def test_the_deployers_token_cannot_widen_itself(platform: Laptop, path: str) -> None:
    headers = {"X-Vault-Token": platform.credentials.vault}
    answer = httpx.put(f"{url(platform, 'vault')}/v1/{path}", json={}, headers=headers, trust_env=False)
    assert answer.status_code == httpx.codes.FORBIDDEN


def test_no_root_token_of_vault_is_left(platform: Laptop) -> None:
    assert json.loads(platform.state.key("vault-init.json") or "").keys() == {"keys_base64"}
    made = [
        line for line in _audit(platform) if line["type"] == "response" and line["auth"].get("policies") == ["root"]
    ]
    assert made[-1]["request"]["path"] == "auth/token/revoke-self"


def test_every_audit_device_has_every_request(platform: Laptop) -> None:
    platform.vault.get("/v1/sys/health")
    assert set(platform.vault.get("/v1/sys/audit")["data"]) == {"file/", "stdout/"}
    assert "sys/generate-root" not in {line["request"]["path"] for line in _audit(platform)[-5:]}


@pytest.mark.both_drivers
def test_the_state_directory_is_for_its_owner_alone(platform: Laptop) -> None:
    root = platform.state.root
    folders = ("keys", "run", "logs", "consul", "vault", "nomad-server", "nomad-1")
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (root, *(root / one for one in folders))} == {0o700}
    keys = [path for path in platform.state.keys.iterdir() if path.suffix != ".crt"]
    files = [*keys, *platform.state.run.glob("*.hcl"), platform.state.logs / "vault-audit.log"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.both_drivers
def test_no_token_shows_in_command_lines_output_or_logs(platform: Laptop) -> None:
    state = platform.state
    env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(Path.home())}
    argv = [sys.executable, "-m", "scripts", "up", "--no-deploy", "--json"]
    shown = subprocess.run(
        argv,
        env={**env, "BERTH_STATE_DIR": str(state.root)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout)["stack"] == "local"
    names = ("consul-management", "consul-nomad", "consul-agent", "nomad-bootstrap", "vault-operator")
    lines = command_lines(state.root).values()
    logs = [path.read_text(errors="replace") for path in state.logs.iterdir()]
    for secret in map(state.key, names):
        assert secret
        assert not any(secret in text for text in (*lines, *logs, shown.stdout, shown.stderr))


@pytest.mark.both_drivers
def test_agents_get_a_clean_environment(platform: Laptop) -> None:
    for name, process in Supervisor(platform.state).processes().items():
        given = {key for key in psutil.Process(process.pid).environ() if not key.startswith("SUPERVISOR_")}
        assert given == {"GOGC", "HOME", "LANG", "PATH", "BERTH_PLATFORM", "BERTH_CONFIG"}, name


@pytest.mark.both_drivers
def test_a_second_up_changes_nothing(platform: Laptop) -> None:
    before = _pids(platform), _files(platform)
    assert platform.up() == platform.platform
    assert (_pids(platform), _files(platform)) == before


def test_a_process_that_only_looks_at_the_state_directory_is_not_ours(platform: Laptop) -> None:
    argv = ["/usr/bin/tail", "-f", str(platform.state.logs / "consul.log")]
    with subprocess.Popen(argv, cwd=platform.state.root, stdout=subprocess.DEVNULL) as bystander:
        ours = {process.pid for process in processes.of_state(platform.state.root)}
        bystander.send_signal(signal.SIGKILL)
        assert bystander.pid not in ours


@pytest.mark.both_drivers
def test_doctor_finds_nothing_wrong(platform: Laptop) -> None:
    found = [
        *check_machine.findings(platform.state, platform.settings),
        *check_platform.findings(platform.state, platform.settings),
    ]
    assert [one for one in found if one.mark is Mark.PROBLEM] == []
    assert {one.check for one in found} >= {
        "Vault seal",
        "Vault audit",
        "Nomad token",
        "clock",
        "reach",
        "node nomad-1",
    }


@pytest.mark.both_drivers
def test_status_counts_memory_and_gpus(platform: Laptop) -> None:
    agents = {one.name: one for one in status.agents(platform.state)}
    assert all(agents[name].pss_mb > 5 for name in ("consul", "vault", "nomad-server", "nomad-1"))
    assert [(node.name, node.gpus) for node in status.nodes(platform.target.nomad)] == [("nomad-1", 8)]


def test_a_taken_port_is_named_and_nothing_starts(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    with free_ports() as ports, socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["vault_api"]))
        taken.listen()
        with pytest.raises(
            BerthError, match=rf"port vault_api: \d+ is taken by .* \(pid {os.getpid()}\).*--port vault_api="
        ):
            start.up(state, Settings(ports=ports), quiet())
    assert processes.of_state(state.root) == []


@pytest.mark.parametrize("role", ["server", "client", "ingress", "laptop"])
def test_the_real_programs_accept_the_agents_configurations(role: str, tmp_path: Path) -> None:
    for path in (AGENTS / role).glob("*.hcl"):
        if path.name.startswith("nomad") and "secrets" not in path.name:
            argv = [str(resolve("nomad")), "config", "validate", str(path)]
        elif path.name == "consul.hcl":
            (tmp_path / "consul.hcl").write_text(path.read_text())
            argv = [str(resolve("consul")), "validate", str(tmp_path / "consul.hcl")]
        else:
            continue
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "Configuration is valid!" in done.stdout, f"{path.name}: {done.stdout}{done.stderr}"


def _audit(platform: Laptop) -> list[dict[str, Any]]:
    lines = (platform.state.logs / "vault-audit.log").read_text().splitlines()
    return [{"auth": {}, **json.loads(line)} for line in lines]


def _pids(platform: Laptop) -> dict[str, int]:
    return {name: process.pid for name, process in Supervisor(platform.state).processes().items()}


def _files(platform: Laptop) -> dict[str, int]:
    state = platform.state
    files = [path for folder in (state.keys, state.run) for path in folder.iterdir() if path.is_file()]
    return {path.name: path.stat().st_mtime_ns for path in (*files, state.root / "settings.json")}
