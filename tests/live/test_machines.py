"""Machines of the cloud, from their user data to clusters that survive them: the real agents, AWS by moto."""

import os
import socket
from collections.abc import Iterator

import pytest

from infra.compute.pools import PoolConfig
from infra.machine.fault import Fault
from infra.machine.lifecycle import GONE, READY
from infra.machine.system import until
from infra.machine.web import Api, Refused
from infra.network.ports import MachineKind
from infra.policy.secret_rules import secret_in
from nomad_jobs.logins import Logins, PipelineLogins
from nomad_jobs.model import PoolKind
from scripts.ops.access import logins
from scripts.ops.access.logins import LoginChanges
from scripts.ops.access.root import root
from scripts.ops.stacks import credentials_of
from tests.support.machines.account import LABEL
from tests.support.machines.asking import consul, forbidden, is_unknown, nomad, serving, voters
from tests.support.machines.berth import as_holder, record, recovery_keys
from tests.support.machines.cloud import SERVERS, Cloud, cloud
from tests.support.machines.network import GATEWAY
from tests.support.platforms import CLOUD
from vault_policies.holders import PEOPLE

pytestmark = [
    pytest.mark.live,
    pytest.mark.xdist_group("machines"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root"),
]
APP = PoolConfig(name="app", role=PoolKind.APP, instance_type="m7i.xlarge", min=1, max=2, desired=1)
UNKNOWN = "no secret exists at platform/data/introduction/"


@pytest.fixture(scope="module")
def site() -> Iterator[Cloud]:
    """Three servers, started one after the other as `pulumi up` does, and a node."""
    with cloud() as made:
        for slot in range(len(SERVERS)):
            made.await_hook(made.server(slot), READY)
        made.await_hook(made.node(APP, MachineKind.CLIENT, 0), READY)
        yield made


ALL = {program: list(SERVERS) for program in ("vault", "nomad", "consul")}


def test_the_servers_form_three_clusters_by_themselves(site: Cloud) -> None:
    assert voters(site, site.machines["server-2"]) == ALL


def test_only_the_first_server_began_anything(site: Cloud) -> None:
    for name in SERVERS:
        vault = site.machines[name].log("vault")
        assert ("security barrier initialized" in vault) == (name == "server-0")
        assert not site.machines[name].run("sh", "-c", "ls /etc/consul.d /etc/nomad.d | grep begin || true")


def test_agents_find_the_servers_by_their_tags(site: Cloud) -> None:
    """They ask EC2 at the one host name that an interface endpoint serves: the network has no other."""
    server, node = site.machines["server-2"], site.machines["app-0"]
    first = site.machines["server-0"].instance
    for machine, program in ((server, "vault"), (server, "consul"), (node, "consul")):
        assert f"discover-aws: Instance {first} has private ip" in machine.log(program)
    for machine in (server, node):
        found = machine.run("python3", "/opt/berth/machine.pyz", "servers").split()
        assert found == [site.machines[name].address for name in SERVERS]
        assert "discovering join addresses failed" not in machine.log("nomad")


def test_without_a_token_nothing_answers_but_health(site: Cloud) -> None:
    address = site.machines["server-0"].address
    assert forbidden(Api(f"https://{address}:8200", site.ca_file), "sys/mounts") == ["sys/mounts"]
    assert forbidden(Api(f"https://{address}:4646", site.ca_file), "jobs", "nodes") == ["jobs", "nodes"]
    with pytest.raises(Fault):
        Api(f"https://{address}:8501", site.ca_file).get("catalog/nodes")  # Consul is on loopback alone


def test_the_root_token_is_gone_and_people_have_the_recovery_keys(site: Cloud) -> None:
    found = site.account.client("ssm").describe_parameters()["Parameters"]
    names = {one["Name"].removeprefix(site.account.context.parameters) for one in found}
    assert names == {"/server/authority", "/agent/authority", "/recovery/vault-init-server-0"}


@pytest.mark.parametrize("holder", PEOPLE)
def test_each_person_is_one_holder_by_iam_role(site: Cloud, holder: str) -> None:
    token = site.vault(site.machines["server-0"].address, holder).get("auth/token/lookup-self")["data"]
    assert token["policies"] == [f"platform-{holder}"]
    assert 0 < token["ttl"] <= 3600
    for other in {*PEOPLE, "deploy", "server"} - {holder, *(["deploy"] if holder == "operator" else [])}:
        with pytest.raises(Refused, match="does not belong to the role"):
            site.vault(site.machines["server-0"].address, other, as_role=holder)


def test_a_running_stack_gets_the_logins_of_its_new_settings(site: Cloud) -> None:
    """Servers wrote the logins by IAM role; what people add later, `berth vault apply` writes with recovery keys."""
    arns = {name: site.account.role_arns[name] for name in ("client", "ingress", "server", *PEOPLE)}
    pipelines = PipelineLogins(issuer="https://gitlab.com", project_id=22, branch="main", environment="live")
    fewer = {name: arn for name, arn in arns.items() if name != "developer"}
    stack = record(site, Logins(iam_roles=fewer, pipelines=pipelines))
    with as_holder(site, "access") as access:
        assert logins.changes(access, record(site, Logins(iam_roles=arns)), []) == LoginChanges()
        found = logins.changes(access, stack, [])
        assert found.removed == ("auth/aws/role/developer",)
        with root(access, recovery_keys(site), site.ca_file) as as_root:
            logins.write(as_root, found, "")
        assert logins.changes(access, stack, []) == LoginChanges()
    server = site.machines["server-0"].address
    with pytest.raises(Refused, match="entry for role developer not found"):
        site.vault(server, "developer")
    assert site.vault(server, "auditor").get("auth/jwt-gitlab/role/deploy")["data"]["bound_claims"]["ref"] == "main"


def test_no_user_data_holds_a_secret(site: Cloud) -> None:
    for machine in site.machines.values():
        assert secret_in((machine.folder / "user-data").read_text()) == ""


def test_vault_keeps_two_audit_devices(site: Cloud) -> None:
    address = site.machines["server-0"].address
    assert set(site.vault(address, "operator").get("sys/audit")["data"]) == {"file/", "stdout/"}
    assert site.machines["server-0"].run("stat", "-c", "%a %U", "/var/log/vault/audit.log").split() == ["600", "vault"]


def test_what_nomad_runs_may_log_in(site: Cloud) -> None:
    """Vault fetched Nomad's keys over TLS when this was written, or would have refused it."""
    server = site.machines["server-0"]
    config = site.vault(server.address, "operator").get("auth/jwt-nomad/config")["data"]
    assert config["bound_issuer"] == "https://nomad.live.example.com"
    assert consul(site, server, "acl/auth-method/nomad-workloads")["Type"] == "jwt"


def test_vault_makes_tokens_that_end_with_its_own(site: Cloud) -> None:
    address = site.machines["server-0"].address
    mine = site.vault(address, "operator")
    secret = mine.get("nomad/creds/operator")["data"]["secret_id"]
    as_me = Api(f"https://{address}:4646", site.ca_file, "X-Nomad-Token", secret)
    assert as_me.get("acl/token/self")["Policies"] == ["platform-operator"]
    with pytest.raises(Refused):
        as_me.ask("POST", "acl/policy/mine", {"Name": "mine", "Rules": 'namespace "*" { policy = "write" }'})
    others = ["nomad/creds/server", "nomad/creds/deploy", "consul/creds/access"]
    assert forbidden(site.vault(address, "client"), *others) == others
    mine.ask("POST", "auth/token/revoke-self", {})
    until(lambda: "" if is_unknown(as_me) else "it still works", "the end of Nomad's token", 30)


def test_one_login_to_vault_is_enough_to_deploy(site: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    address = site.machines["server-0"].address
    vault = site.vault(address, "deploy", as_role="operator")
    platform = CLOUD.model_copy(update={"vault_url": f"https://{address}:8200", "ca_file": site.ca_file})
    monkeypatch.setenv("VAULT_TOKEN", vault._headers["X-Vault-Token"])
    for name in ("NOMAD_TOKEN", "CONSUL_HTTP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    made = credentials_of(platform)
    nomad = Api(f"https://{address}:4646", site.ca_file, "X-Nomad-Token", made.nomad)
    assert nomad.get("acl/token/self")["Policies"] == ["platform-deploy"]
    assert made.consul


def test_a_node_is_introduced_and_joins_its_pool(site: Cloud) -> None:
    node = site.machines["app-0"]
    (found,) = nomad(site, site.machines["server-0"].address).get("nodes")
    assert (found["Name"], found["NodePool"], found["Status"]) == (node.instance, "app", "ready")
    leaders = [name for name in SERVERS if f"introduced {node.instance}" in site.machines[name].log("berth-introduce")]
    assert len(leaders) == 1


def test_a_node_reads_its_own_and_nobody_elses(site: Cloud) -> None:
    node = site.machines["app-0"]
    vault = site.vault(site.machines["server-0"].address, "client", node.instance)
    role = f"arn:aws:sts::123456789012:assumed-role/{LABEL.name('machine-client')}"
    assert vault.get(f"platform/data/introduction/{role}/{node.instance}")["data"]["data"]["token"]
    others = [f"platform/data/introduction/{role}/i-0123456789abcdef0", "platform/data/server", "secret/data/any"]
    assert forbidden(vault, *others) == others


def test_a_node_gets_no_servers_certificate(site: Cloud) -> None:
    vault = site.vault(site.machines["server-0"].address, "client", "i-0123456789abcdef0")
    assert vault.ask("POST", "pki/issue/node", {"common_name": "client.eu-west-1.nomad"})["data"]["certificate"]
    for name in ("server.eu-west-1.nomad", "server.eu-west-1.consul", "vault.live.berth.internal"):
        with pytest.raises(Refused, match=": 400 "):
            vault.ask("POST", "pki/issue/node", {"common_name": name})


def test_a_role_that_is_not_the_stacks_may_not_log_in(site: Cloud) -> None:
    with pytest.raises(Refused, match="does not belong to the role"):
        site.vault(site.machines["server-0"].address, "client", as_role="stranger")


def test_a_machine_that_nobody_introduced_does_not_join(site: Cloud) -> None:
    stranger = site.node(APP, MachineKind.CLIENT, 1, tagged=False)
    until(lambda: "" if UNKNOWN in stranger.log("vault-agent") else "it did not ask", "the stranger's question", 90)
    files = ("/etc/nomad.d/secrets.json", "/etc/berth/tls/node.pem")  # Vault's agent writes them in any order
    until(lambda: stranger.run("sh", "-c", f"ls {' '.join(files)} 2>&1 >/dev/null || true"), "its other files", 90)
    assert READY not in site.told(stranger)
    assert "ended" not in stranger.log("nomad")
    site.end("app-1")


def test_a_servers_certificate_is_renewed_in_place(site: Cloud) -> None:
    server = site.machines["server-2"]
    serial = ("openssl", "x509", "-noout", "-serial", "-in", "/etc/berth/tls/cert.pem")
    before = server.run(*serial)
    server.run("rm", "/etc/berth/tls/cert.pem")
    with socket.create_connection((GATEWAY, 443)):  # a machine just switched off must not block the others
        server.run("python3", "/opt/berth/machine.pyz", "renew")
    assert server.run(*serial) != before
    served = server.run(
        "sh", "-c", f"openssl s_client -connect {server.address}:8200 </dev/null 2>&1 | {' '.join(serial[:4])}"
    )
    assert served == server.run(*serial)
    assert voters(site, server) == ALL


def test_a_server_is_replaced_while_the_others_keep_quorum(site: Cloud) -> None:
    before = site.vault(site.machines["server-1"].address, "server").get("sys/health?standbyok=true")["cluster_id"]
    site.end("server-0")
    left = ["server-1", "server-2"]
    until(lambda: "" if set(left) <= set(serving(site)) else f"{serving(site)} serve", "the others", 120)
    again = site.server(0)
    site.await_hook(again, READY)
    assert voters(site, site.machines["server-1"]) == ALL
    assert site.vault(again.address, "server").get("sys/health?standbyok=true")["cluster_id"] == before
    assert "security barrier initialized" not in again.log("vault")


def test_all_servers_come_back_from_a_power_cut(site: Cloud) -> None:
    for name in SERVERS:
        site.end(name)
    machines = [site.server(slot) for slot in range(len(SERVERS))]
    for machine in machines:
        site.await_hook(machine, READY)
    assert voters(site, machines[0]) == ALL
    (found,) = nomad(site, machines[0].address).get("nodes")
    assert found["Name"] == site.machines["app-0"].instance


def test_a_node_that_is_to_go_drains_leaves_and_says_so(site: Cloud) -> None:
    node = site.machines["app-0"]
    assert GONE not in site.told(node)
    node.tell({"meta-data/autoscaling/target-lifecycle-state": "Terminated"})
    site.await_hook(node, GONE)
    (found,) = nomad(site, site.machines["server-0"].address).get("nodes")
    assert found["SchedulingEligibility"] == "ineligible"
    members = consul(site, site.machines["server-0"], "agent/members")
    assert node.instance not in {one["Name"] for one in members if one["Status"] == 1}
