"""Agent configurations, whole, for the laptop and for a cloud machine of each role."""

from pathlib import Path

import pytest

from infra.agents import render
from infra.agents.render import (
    PORTS,
    ConsulAgent,
    ConsulSecrets,
    Kms,
    NomadAgent,
    NomadClient,
    NomadSecrets,
    NomadServer,
    Tls,
    VaultServer,
)
from nomad_jobs.platform import Driver
from scripts.ops.local.boot.boot_plan import plan
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State
from scripts.ops.toolchain.programs import LAPTOP

GOLDEN = Path(__file__).parents[2] / "golden" / "agents"
KMS = Kms(region="eu-west-1", key_id="alias/berth-unseal")
JOIN = ("provider=aws tag_key=berth_role tag_value=prod-server",)


def tls(program: str) -> Tls:
    folder = f"/etc/{program}.d/tls"
    return Tls(ca_file=f"{folder}/ca.pem", cert_file=f"{folder}/cert.pem", key_file=f"{folder}/key.pem")


def consul(*, server: bool) -> str:
    return render.consul(
        ConsulAgent(
            name="ip-10-0-1-10",
            datacenter="eu-west-1",
            data_dir="/opt/consul",
            bind_addr="{{ GetPrivateIP }}",
            ports=PORTS,
            expect=3 if server else 0,
            retry_join=JOIN,
            tls=tls("consul"),
        )
    )


def nomad(server: NomadServer | None = None, client: NomadClient | None = None) -> str:
    return render.nomad(
        NomadAgent(
            name="ip-10-0-1-10",
            region="eu-west-1",
            datacenter="eu-west-1",
            data_dir="/opt/nomad",
            bind_addr="{{ GetPrivateIP }}",
            advertise_addr="{{ GetPrivateIP }}",
            ports=PORTS,
            consul_addr="127.0.0.1:8501",
            vault_url="https://vault.service.consul:8200",
            server=server,
            client=client,
            tls=tls("nomad"),
        )
    )


def client(pool: str) -> NomadClient:
    return NomadClient(
        node_pool=pool,
        driver=Driver.DOCKER,
        servers=JOIN,
        dynamic_first=20000,
        dynamic_last=32000,
        max_kill_timeout_s=600,
        docker_config="/etc/berth/docker/config.json",
    )


def cloud() -> dict[str, str]:
    server = NomadServer(expect=3, issuer="https://nomad.example.com", retry_join=JOIN, kms=KMS)
    vault = VaultServer(
        name="ip-10-0-1-10",
        data_dir="/opt/vault",
        bind_addr="10.0.1.10",
        api_url="https://10.0.1.10:8200",
        cluster_url="https://10.0.1.10:8201",
        ports=PORTS,
        retry_join=JOIN,
        tls=tls("vault"),
        tls_name="vault.service.consul",
        kms=KMS,
    )
    return {
        "server/consul.hcl": consul(server=True),
        "server/nomad.hcl": nomad(server=server),
        "server/vault.hcl": render.vault(vault),
        "client/consul.hcl": consul(server=False),
        "client/nomad.hcl": nomad(client=client("gpu")),
        "ingress/nomad.hcl": nomad(client=client("ingress")),
    }


def laptop() -> dict[str, str]:
    programs = {name: Path("/opt/berth/bin") / name for name in LAPTOP}
    state = State(Path("/var/lib/berth"))
    keys = {
        "consul-management": "11111111-made-up",
        "consul-nomad": "22222222-made-up",
        "consul-agent": "33333333-made-up",
    }
    boot = plan(Settings(nodes=2), state, programs, keys)
    return {f"laptop/{path.name}": text for path, text in boot.files.items()}


def test_the_agents_configurations_are_what_was_reviewed(request: pytest.FixtureRequest) -> None:
    rendered = {**cloud(), **laptop()}
    if request.config.getoption("--golden"):
        for name, text in rendered.items():
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name).write_text(text)
    golden = {str(path.relative_to(GOLDEN)): path.read_text() for path in GOLDEN.rglob("*.hcl")}
    assert sorted(rendered) == sorted(golden), "run this test with --golden and read the diff"
    for name, text in rendered.items():
        assert text == golden[name], f"{name} differs: run this test with --golden and read the diff"


@pytest.mark.parametrize(("name", "text"), cloud().items(), ids=cloud())
def test_a_cloud_machine_trusts_nobody_without_tls_and_acls(name: str, text: str) -> None:
    wanted = {
        "consul.hcl": ['default_policy           = "deny"', "encrypt_verify_incoming = true", "verify_outgoing = true"],
        "nomad.hcl": ["acl {\n  enabled                  = true", "verify_server_hostname = true", "tls_min_version"],
        "vault.hcl": ['tls_min_version = "tls13"', 'seal "awskms"'],
    }[Path(name).name]
    assert [part for part in wanted if part not in text] == []
    assert "tls_disable" not in text
    assert "raw_exec" not in text.replace('plugin "raw_exec" {\n  config { enabled = false }', "")


def test_secrets_are_in_files_of_their_own_and_never_shown() -> None:
    consul_file = ConsulSecrets(gossip_key="made-up-gossip", management_token="made-up-token")
    nomad_file = NomadSecrets(consul_token="made-up-token", gossip_key="made-up-gossip")
    assert render.consul_secrets(consul_file) == (
        'encrypt = "made-up-gossip"\nacl {\n  tokens {\n    initial_management = "made-up-token"\n  }\n}\n'
    )
    assert render.nomad_secrets(nomad_file) == (
        'consul { token = "made-up-token" }\nserver { encrypt = "made-up-gossip" }\n'
    )
    assert "made-up" not in f"{consul_file!r}{nomad_file!r}"


def test_whatever_a_name_holds_stays_a_name() -> None:
    text = render.consul(
        ConsulAgent(name='a"\nacl { enabled = false }', datacenter="d", data_dir="/d", bind_addr="x", ports=PORTS)
    )
    assert 'node_name            = "a\\"\\nacl { enabled = false }"\n' in text
