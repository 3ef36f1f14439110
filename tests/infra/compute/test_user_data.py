"""User data, whole, for every kind of machine; checked by cloud-init, the agents, systemd and the shell themselves."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.compute.agent_configs import node_agents, server_agents
from infra.compute.program_files import installed
from infra.compute.user_data import AWS_SERVICES, USER_DATA_MAX, server_user_data
from infra.network.endpoints import ALWAYS_NEEDED
from infra.network.ports import BY_NAME
from infra.policy.secret_rules import secret_in
from tests.support.boots import POOLS, node, server, user_data

GOLDEN = Path(__file__).parents[2] / "golden" / "boot"
ALL = user_data()
UNITS = Path(__file__).parents[3] / "infra" / "machine" / "units"


def files(name: str) -> dict[str, str]:
    return {file["path"]: file["content"] for file in yaml.safe_load(ALL[name])["write_files"]}


def facts(name: str) -> Any:
    return json.loads(files(name)["/etc/berth/machine.json"])


def test_user_data_is_what_was_reviewed(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--golden"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        for name, text in ALL.items():
            (GOLDEN / f"{name}.yaml").write_text(text)
    golden = {path.stem: path.read_text() for path in GOLDEN.glob("*.yaml")}
    assert sorted(ALL) == sorted(golden), "run this test with --golden and read the diff"
    for name, text in ALL.items():
        assert text == golden[name], f"{name} differs: run this test with --golden and read the diff"


@pytest.mark.parametrize("name", ALL)
def test_cloud_init_takes_it(name: str, tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text(ALL[name])
    done = subprocess.run(
        ("/usr/bin/cloud-init", "schema", "--config-file", str(file)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ALL)
def test_ec2_takes_it(name: str) -> None:
    assert len(ALL[name].encode()) <= USER_DATA_MAX


@pytest.mark.parametrize("name", ALL)
def test_nothing_in_it_is_secret(name: str) -> None:
    assert secret_in(ALL[name]) == ""
    assert not re.search(r"PRIVATE KEY|hvs\.|AKIA", ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_programs_come_from_our_own_bucket_by_their_sha_256(name: str) -> None:
    assert set(re.findall(r"\w+://[\w.-]+", ALL[name])) <= {
        "s3://berth-prod-binaries-123456789012",
        "https://vault.prod.berth.internal",
        "https://nomad.example.com",
        "https://",
    }
    boot = files(name)["/opt/berth/boot.sh"]
    assert f'echo "{"5" * 64}  machine.new" | sha256sum --check --quiet' in boot
    for program in facts(name)["programs"].values():
        assert re.fullmatch(r"[0-9a-f]{64}", program["sha256"])


@pytest.mark.parametrize("name", ALL)
def test_the_shell_reads_the_first_script(name: str, tmp_path: Path) -> None:
    script = tmp_path / "boot.sh"
    script.write_text(files(name)["/opt/berth/boot.sh"])
    subprocess.run(("/bin/sh", "-n", str(script)), check=True)


def test_nobody_logs_in() -> None:
    for text in ALL.values():
        config = yaml.safe_load(text)
        (user,) = config["users"]
        assert (user["shell"], user["lock_passwd"], "ssh_authorized_keys" in user) == ("/sbin/nologin", True, False)
        assert config["ssh_pwauth"] is False
        assert config["disable_root"] is True


def test_only_the_first_server_begins_clusters() -> None:
    started = [
        json.loads(
            next(
                file["content"]
                for file in yaml.safe_load(server_user_data(server(slot)))["write_files"]
                if file["path"].endswith("machine.json")
            )
        )
        for slot in range(3)
    ]
    assert [one["is_first"] for one in started] == [True, False, False]
    assert [one["name"] for one in started] == ["server-0", "server-1", "server-2"]
    for slot in range(3):
        assert not any("bootstrap_expect" in text for text in server_agents(server(slot)).values())


def test_another_state_key_gives_another_folder_of_parameters() -> None:
    assert facts("app")["parameters"] == "/berth/prod/00000000-0000-4000-8000-00000000000a"


def test_a_gpu_node_has_its_plugin_runtime_and_disks_and_others_do_not() -> None:
    gpu, app = files("gpu-h200"), files("app")
    assert "nomad-device-nvidia" in facts("gpu-h200")["programs"]
    assert 'plugin "nomad-device-nvidia"' in gpu["/etc/berth/agents/nomad.hcl"]
    assert json.loads(gpu["/etc/docker/daemon.json"])["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"
    assert facts("gpu-h200")["stripes"] is True
    assert 'host_volume "models"' in gpu["/etc/berth/agents/nomad.hcl"]
    assert "nvidia" not in app["/etc/berth/agents/nomad.hcl"].replace('"nvidia"]', "")
    assert "runtimes" not in json.loads(app["/etc/docker/daemon.json"])
    assert facts("app")["stripes"] is False


def test_images_and_weights_are_where_there_is_room() -> None:
    for name in POOLS:
        assert json.loads(files(name)["/etc/docker/daemon.json"])["data-root"] == "/data/docker"
        assert 'data_dir             = "/data/nomad"' in files(name)["/etc/berth/agents/nomad.hcl"]


def test_outgoing_connections_keep_clear_of_the_ports_that_nomad_hands_out() -> None:
    for name in ALL:
        first, last = map(int, re.findall(r"\d{4,5}", files(name)["/etc/sysctl.d/60-berth.conf"]))
        assert BY_NAME["dynamic"].last < first < last


def test_what_machines_ask_of_aws_is_reachable_from_subnets_without_a_way_out() -> None:
    assert set(AWS_SERVICES) <= set(ALWAYS_NEEDED)


def _configs() -> dict[str, tuple[str, str]]:
    """Every agent's configuration, filled in as the machine does it, by name: the program and the text."""
    agents = {"server": server_agents(server()), **{name: node_agents(node(name)) for name in POOLS}}
    return {
        f"{machine}-{program}": (
            program,
            text.replace("@address@", "127.0.0.1").replace("@node@", "i-0123456789abcdef0"),
        )
        for machine, configs in agents.items()
        for program, text in configs.items()
        if program in {"consul", "nomad"}
    }


@pytest.mark.live
@pytest.mark.parametrize(("program", "text"), _configs().values(), ids=_configs())
def test_the_real_agents_take_their_configurations(program: str, text: str, tmp_path: Path) -> None:
    """Consul and Nomad say so themselves; Vault has no such command: tests/live/test_machines.py starts it."""
    (tmp_path / "config").mkdir()
    for name in ("ca", "cert", "key", "node"):
        (tmp_path / f"{name}.pem").touch()
    (tmp_path / "config" / f"{program}.hcl").write_text(
        text.replace("/data/", f"{tmp_path}/").replace("/etc/berth/tls", str(tmp_path))
    )
    (found,) = installed().glob(f"{program}/*/{program}")
    argv = {"consul": ("validate",), "nomad": ("config", "validate")}[program]
    done = subprocess.run((found, *argv, str(tmp_path / "config")), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """The programs are on machines only, so a program that does nothing stands in for each."""
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/usr/local/bin/", f"{tmp_path}/bin/")
        name = unit.name if unit.name != "nomad-server.service" else "nomadserver.service"
        (tmp_path / name).write_text(text)
    (tmp_path / "bin").mkdir()
    for program in ("consul", "nomad", "vault"):
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / program).chmod(0o755)
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / "network-online.target").write_text("[Unit]\nDescription=network\n")
    units = [str(path) for path in tmp_path.iterdir() if path.suffix in {".service", ".timer"}]
    done = subprocess.run(
        ("/usr/bin/systemd-analyze", "verify", "--man=no", *units), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["vault", "consul", "nomad-server"])
def test_servers_programs_are_shut_in(unit: str) -> None:
    text = (UNITS / f"{unit}.service").read_text()
    for line in (
        f"User={unit.removesuffix('-server')}",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=\n",
        "LimitCORE=0",
        "PrivateDevices=yes",
        f"ReadWritePaths=/data/{unit.removesuffix('-server')}",
    ):
        assert line in text
