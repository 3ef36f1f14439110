"""The registry's login on a node: from Vault into Docker's own file, by the real agent, whatever the login is like."""

import grp
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.compute.agent_configs import node_agents
from infra.compute.node_files import REGISTRY_LOGIN
from infra.compute.program_files import installed
from infra.machine import nodes
from infra.machine.system import until
from infra.machine.web import Api
from nomad_jobs.registry import REGISTRY
from scripts.ops.docker_login import Login, login_for
from tests.support.boots import node

pytestmark = pytest.mark.xdist_group("registry-login")
POLICY = Path(__file__).parents[3] / "vault_policies" / "rules" / "node.hcl"
DOCKER_CONFIG = "etc/berth/docker/config.json"
OTHERS = (
    *("etc/berth/tls/node.pem", "etc/consul.d/secrets.json", "etc/nomad.d/secrets.json"),
    "data/nomad/client/intro_token.jwt",
)
INTERVAL_S = 2
WAIT_S = 60


def test_a_node_reads_one_secret_of_the_catalogues() -> None:
    rules = POLICY.read_text()
    assert re.findall(r'path "(secret/[^"]*)" { capabilities = \["read"\] }', rules) == [REGISTRY_LOGIN]
    assert rules.count("secret/") == 1


def test_before_there_is_a_login_nomad_finds_a_file_without_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "docker" / "config.json"
    monkeypatch.setattr(nodes, "DOCKER_CONFIG", file)
    nodes.prepare()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ('{"auths": {}}\n', 0o600)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.write_text("a login")
    nodes.prepare()  # the machine starts again
    assert file.read_text() == "a login"


def configuration(folder: Path, vault: Api) -> str:
    """Write the user data's configuration, but for where it logs in, where files go, and that no unit is told."""
    text = node_agents(node("app"))["vault-agent"].replace("@address@", "127.0.0.1").replace("@node@", "i-0")
    (name,) = re.findall(r'introduction/(arn:[^\\"]+)', text)
    (folder / "token").write_text(token(vault, name))
    by_file = f'method "token_file" {{\n    config = {{ token_file_path = "{folder}/token" }}\n  }}\n'
    for pattern, instead in (
        (r'method "aws" {.*?\n  }\n', by_file),
        (r"address = .*\n  ca_cert.*", f'address = "{vault.url}"'),
        (r"group  .*", f'group = "{grp.getgrgid(os.getegid()).gr_name}"'),
        (r"command = .*", 'command = ["/bin/true"]'),
        (r'static_secret_render_interval = "5m"', f'static_secret_render_interval = "{INTERVAL_S}s"'),
        (r'destination( *)= "/', rf'destination\1= "{folder}/'),
    ):
        text, times = re.subn(pattern, instead, text, flags=re.DOTALL if "aws" in pattern else 0)
        assert times, pattern
    return text


def token(vault: Api, name: str) -> str:
    """Log in as a machine that Vault knows as `name`."""
    role = {"allowed_policies": ["platform-node"], "allowed_entity_aliases": [name]}
    vault.put("auth/token/roles/node", role)
    vault.put(f"platform/data/introduction/{name}", {"data": {"token": "made up"}})
    body = {"policies": ["platform-node"], "no_default_policy": True, "entity_alias": name}
    return str(vault.put("auth/token/create/node", body)["auth"]["client_token"])


@pytest.fixture(scope="module")
def machine(vault: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A node's files, below a folder, and Vault's agent, which keeps them; what it says is in `agent.log`."""
    folder = tmp_path_factory.mktemp("node")
    values = {"consul_gossip": "made up", "consul_agent": "made up", "consul_nomad": "made up"}
    vault.put("platform/data/node", {"data": values})
    vault.put("sys/mounts/pki", {"type": "pki"})
    kind = "root"
    vault.put(f"pki/{kind}/generate/internal", {"common_name": "made up"})
    names = ["client.eu-west-1.nomad", "client.eu-west-1.consul"]
    vault.put("pki/roles/node", {"allowed_domains": names, "allow_bare_domains": True, "max_ttl": "72h"})
    (folder / DOCKER_CONFIG).parent.mkdir(parents=True)
    (folder / DOCKER_CONFIG).write_text('{"auths": {}}')
    (folder / "vault-agent.hcl").write_text(configuration(folder, vault))
    (program,) = installed().glob("vault/*/vault")
    argv = (program, "agent", f"-config={folder}/vault-agent.hcl")
    with (folder / "agent.log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as agent:
        try:
            yield folder
            assert agent.poll() is None
        finally:
            agent.kill()


def await_login(machine: Path, wanted: Login | None) -> None:
    """Wait until Docker would send `wanted` to the registry."""

    def missing() -> str:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DOCKER_CONFIG", str((machine / DOCKER_CONFIG).parent))
            found = login_for(REGISTRY.host)
        return "" if found == wanted else f"it is {found and found.username}'s"

    until(missing, "the login", WAIT_S)


def times_asked_in_vain(machine: Path) -> int:
    return (machine / "agent.log").read_text().count(f"no secret exists at {REGISTRY_LOGIN}")


def set_login(vault: Api, **values: str) -> None:
    vault.put(REGISTRY_LOGIN, {"data": values})


@pytest.mark.live
def test_without_a_login_the_agent_writes_all_other_files_and_goes_on_asking(machine: Path) -> None:
    def missing() -> str:
        left = [one for one in OTHERS if not (machine / one).exists()]
        return ", ".join(left) or ("" if times_asked_in_vain(machine) > 1 else "a second question")

    until(missing, "the agent", WAIT_S)
    assert (machine / DOCKER_CONFIG).read_text() == '{"auths": {}}'


@pytest.mark.live
@pytest.mark.parametrize(
    "password",
    ["plain", 'p"a\\s"s', "a:b:c", "wörd-\U0001f511", "{{ .Data }} ${x} %{y} `", "a\nb\tc", "x" * 4096],
    ids=["plain", "quotes", "colons", "unicode", "templates", "lines", "long"],
)
def test_a_password_comes_as_it_is_and_for_root_alone(machine: Path, vault: Api, password: str) -> None:
    set_login(vault, username="robot$deploy", password=password)
    await_login(machine, Login("robot$deploy", password))
    file = (machine / DOCKER_CONFIG).stat()
    assert (file.st_mode & 0o777, file.st_uid) == (0o600, os.geteuid())


@pytest.mark.live
def test_half_a_login_is_none_and_a_whole_one_comes_after_it(machine: Path, vault: Api) -> None:
    for half in ({"username": "robot"}, {"username": "", "password": "p"}, {"password": "p"}):
        set_login(vault, **half)
        await_login(machine, None)
        assert (machine / DOCKER_CONFIG).read_text() == '{"auths": {}}'
        set_login(vault, username="robot", password="whole")
        await_login(machine, Login("robot", "whole"))


@pytest.mark.live
def test_a_login_that_was_deleted_stays_on_the_node_and_the_next_one_comes(machine: Path, vault: Api) -> None:
    set_login(vault, username="robot", password="first")
    await_login(machine, Login("robot", "first"))
    asked = times_asked_in_vain(machine)
    vault.ask("DELETE", REGISTRY_LOGIN)
    until(lambda: "" if times_asked_in_vain(machine) > asked else "it did not ask", "the agent's question", WAIT_S)
    await_login(machine, Login("robot", "first"))
    set_login(vault, username="robot", password="next")
    await_login(machine, Login("robot", "next"))
    assert "template server restart" not in (machine / "agent.log").read_text()
