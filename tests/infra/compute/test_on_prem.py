import subprocess
from pathlib import Path

import pulumi
import pytest

from infra.compute.on_prem import OnPrem, OnPremArgs, OnPremSite, files
from infra.compute.program_files import installed
from infra.label import Label
from tests.support.graph import record

SITE = OnPremSite(label=Label("prod"), region="eu-west-1", server_addresses=("10.21.0.4", "10.21.16.4", "10.21.32.4"))


def test_a_machine_on_the_premises_finds_the_servers_by_their_addresses() -> None:
    written = files(SITE)
    assert 'retry_join           = ["10.21.0.4", "10.21.16.4", "10.21.32.4"]' in written["consul.hcl"]
    assert 'retry_join = ["10.21.0.4:4647", "10.21.16.4:4647", "10.21.32.4:4647"]' in written["nomad.hcl"]
    assert 'address               = "https://vault.prod.berth.internal:8200"' in written["nomad.hcl"]


def test_it_offers_its_gpus_and_trusts_nobody_without_tls() -> None:
    written = files(SITE)
    assert 'plugin "nomad-device-nvidia"' in written["nomad.hcl"]
    assert 'node_pool         = "on-premises"' in written["nomad.hcl"]
    for text in (written["consul.hcl"], written["nomad.hcl"]):
        assert "verify_server_hostname = true" in text
    assert 'default_policy           = "deny"' in written["consul.hcl"]


def test_the_readme_says_how_each_missing_piece_is_had() -> None:
    readme = files(SITE)["README.md"]
    for part in ("pki/issue/node", "-mount=platform node", "nomad node intro create", "berth:on_prem_cidrs"):
        assert part in readme


def test_it_pulls_images_with_a_login_of_its_own() -> None:
    written = files(SITE)
    assert 'auth { config = "/etc/berth/docker/config.json" }' in written["nomad.hcl"]
    assert "`vault read secret/data/default/registry/login`" in written["README.md"]
    assert "--config /etc/berth/docker login" in written["README.md"]


@pytest.mark.live
@pytest.mark.parametrize("program", ["consul", "nomad"])
def test_the_real_agents_take_the_files(program: str, tmp_path: Path) -> None:
    text = files(SITE)[f"{program}.hcl"].replace("@address@", "127.0.0.1").replace("@node@", "gpu-1")
    (tmp_path / f"{program}.hcl").write_text(text)
    (found,) = installed().glob(f"{program}/*/{program}")
    argv = {"consul": ("validate",), "nomad": ("config", "validate")}[program]
    done = subprocess.run((found, *argv, str(tmp_path)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_are_in_the_bucket() -> None:
    def program() -> None:
        addresses = [pulumi.Output.from_input(one) for one in SITE.server_addresses]
        args = OnPremArgs(label=Label("prod"), region="eu-west-1", bucket="binaries", server_addresses=addresses)
        OnPrem("on-premises", args)

    graph = record(program, stack="prod")
    found = {node.inputs["key"]: node.inputs["content"] for node in graph.of("BucketObjectv2")}
    assert found == {f"on-premises/{name}": text for name, text in files(SITE).items()}
