"""Sets up a server, step by step; every step may be repeated, and each comes after those that it needs.

Vault needs only AWS. Consul and Nomad get their secrets from Vault. Only then can Nomad's workloads log in to both.
"""

from __future__ import annotations

import base64
import json
import os
import pkgutil
import time
import uuid
from functools import cached_property
from pathlib import Path

from infra.holdings import consul as consul_holdings
from infra.holdings.consul import AGENT_POLICIES
from infra.holdings.entry import hold
from infra.holdings.names import JOINS_TAG
from infra.holdings.tokens import IN_CONSUL, IN_NOMAD, VAULTS_OWN
from infra.machine import authority, consul, nomad, tokens, vault
from infra.machine.authority import CA
from infra.machine.aws import Aws, Parameters
from infra.machine.facts import Facts
from infra.machine.fault import Fault
from infra.machine.system import systemctl, until, write
from infra.machine.web import Api
from vault_policies import holders

_READY_S = 600
_LOOK_S = 10


class Servers:
    """One server, on its way from a mounted volume to a healthy member of three clusters."""

    def __init__(self, facts: Facts, aws: Aws, parameters: Parameters, address: str, account: str) -> None:
        self._facts = facts
        self._aws = aws
        self._parameters = parameters
        self._address = address
        self._account = account
        self._ca = CA.read_text()
        self._vault = vault.connect(address, str(CA))

    def converge(self) -> None:
        """Bring this server into its clusters; the first server also sets up what they hold."""
        if self._facts.is_first and vault.needs_init(self._vault) and not self._others():
            vault.initialise(self._vault, self._parameters, self._init_record_name)
        vault.await_active(self._vault)
        root = vault.root_token(self._parameters, self._init_record_name) if self._facts.is_first else ""
        if root:
            self._prepare_vault(root)
        as_server = self._as_server()
        kept = vault.Setup(as_server, self._facts, "", self._ca).secrets("server")
        self._start_consul(kept)
        self._start_nomad(kept)
        if self._facts.is_first:
            self._identities(as_server, kept)
        if root:
            self._tokens(vault.connect(self._address, str(CA), root), kept)
            vault.drop_root(vault.connect(self._address, str(CA), root), self._parameters, self._init_record_name)
        until(self._lacks, f"{self._facts.name} as a healthy member", _READY_S)
        for program in ("consul", "nomad"):  # a cluster is bootstrapped once
            Path(f"/etc/{program}.d/begin.json").unlink(missing_ok=True)

    def introduce(self) -> None:
        """Introduce new machines to Nomad, for as long as this server runs."""
        while True:
            as_server = self._as_server()
            api = nomad.connect(self._address, str(CA), tokens.for_nomad(as_server))
            introductions = nomad.Introductions(api, as_server, self._aws, self._facts.stack, self._account)
            end = time.monotonic() + nomad.INTRODUCTION_S / 2  # well before the login of an hour ends
            while time.monotonic() < end:
                # Every server sees every machine; only the leader introduces them.
                if self._leads(api):
                    for name in introductions.give():
                        print(f"introduced {name}", flush=True)
                time.sleep(_LOOK_S)

    @property
    def _init_record_name(self) -> str:
        """Name of the record of Vault's initialisation; each volume has its own."""
        return f"server/vault-init-{self._facts.volume or self._facts.name}"

    def _begins(self, data: str) -> bool:
        """Whether this server bootstraps a cluster: it is the first, has no data of one, and no other server runs."""
        return self._facts.is_first and not Path("/data", data).exists() and not self._others()

    def _others(self) -> bool:
        return any(one != self._address for one in addresses(self._aws, self._facts))

    def _as_server(self) -> Api:
        token: list[str] = []

        def missing() -> str:
            token.append(vault.login(self._facts, self._aws, self._vault))
            return ""

        until(missing, "Vault's login", _READY_S)
        return vault.connect(self._address, str(CA), token[-1])

    def _prepare_vault(self, root: str) -> None:
        setup = vault.Setup(
            vault.connect(self._address, str(CA), root),
            self._facts,
            authority.bundle(self._facts, self._parameters),
            self._ca,
        )
        setup.platform(_vault_policies, _first_values())

    def _start_consul(self, kept: dict[str, str]) -> None:
        if self._begins("consul/raft"):
            _config("consul", "begin", {"bootstrap_expect": 1})
        secrets = {"initial_management": kept["consul_management"], "agent": kept["consul_agent"]}
        _config("consul", "secrets", {"encrypt": kept["consul_gossip"], "acl": {"tokens": secrets}})
        systemctl("start", "consul.service")
        api = consul.connect(str(CA), kept["consul_management"])
        consul.await_leader(api)
        if self._facts.is_first:
            # A token is kept under the name of the file with its rules.
            secrets = {name: kept[file.replace("-", "_")] for name, file in AGENT_POLICIES.items()}
            consul.setup(api, {name: (_policy(file), secrets[name]) for name, file in AGENT_POLICIES.items()})

    def _start_nomad(self, kept: dict[str, str]) -> None:
        server = {"encrypt": kept["nomad_gossip"]}
        if self._begins("nomad/server/raft"):
            _config("nomad", "begin", {"server": {"bootstrap_expect": 1}})
        _config("nomad", "secrets", {"consul": {"token": kept["consul_nomad"]}, "server": server})
        systemctl("start", "nomad.service")
        anonymous = nomad.connect(self._address, str(CA))
        nomad.await_keys(anonymous)
        if self._facts.is_first:
            nomad.bootstrap(
                nomad.connect(self._address, str(CA), kept["nomad_bootstrap"]), anonymous, kept["nomad_bootstrap"]
            )

    def _identities(self, as_server: Api, kept: dict[str, str]) -> None:
        vault.Setup(as_server, self._facts, "", self._ca).nomad()
        consul.identity(consul.connect(str(CA), kept["consul_management"]), self._facts, self._ca)

    def _tokens(self, as_root: Api, kept: dict[str, str]) -> None:
        """Let Vault make everybody's tokens for Nomad and Consul: from now on nobody uses the first ones."""
        by_consul = consul.connect(str(CA), kept["consul_management"])
        consul.holders(by_consul, {name: _policy(f"consul-{name}") for name in (*IN_CONSUL, "vault")})
        hold(by_consul, consul_holdings.token(VAULTS_OWN, kept["consul_vault"]))
        by_nomad = nomad.connect(self._address, str(CA), kept["nomad_bootstrap"])
        nomad.holders(by_nomad, {name: _policy(f"nomad-{name}") for name in IN_NOMAD})
        made = nomad.vaults_token(by_nomad)
        tokens.set_up(as_root, self._facts, self._ca, nomad=made, consul=kept["consul_vault"])

    def _lacks(self) -> str:
        """Say what keeps this server from being a healthy member; once nothing does, the next one may be replaced."""
        name = self._facts.name
        as_server, seen_by_consul, seen_by_nomad = self._seen_by
        return (
            vault.healthy_voter(as_server, name)
            or consul.healthy_voter(seen_by_consul, name, "Consul")
            or consul.healthy_voter(seen_by_nomad, name, "Nomad")
        )

    @cached_property
    def _seen_by(self) -> tuple[Api, Api, Api]:
        """Connect to Vault, Consul and Nomad with tokens that last an hour: longer than this server has to come up."""
        as_server = self._as_server()
        seen_by_consul = consul.connect(str(CA), tokens.for_consul(as_server))
        return as_server, seen_by_consul, nomad.connect(self._address, str(CA), tokens.for_nomad(as_server))

    def _leads(self, api: Api) -> bool:
        return str(api.get("status/leader")).startswith(f"{self._address}:")


def addresses(aws: Aws, facts: Facts) -> list[str]:
    """Give the private addresses of the servers that run, by their tag."""
    found = aws.query(
        "ec2",
        "DescribeInstances",
        Filter_1_Name=f"tag:{JOINS_TAG}",
        Filter_1_Value_1=f"berth-{facts.stack}",
        Filter_2_Name="instance-state-name",
        Filter_2_Value_1="running",
    )
    return sorted({one.text for one in found.iter("privateIpAddress") if one.text})


def renew(facts: Facts, address: str, parameters: Parameters) -> None:
    """Make a new certificate when the old one has two days left, and make all three agents reload it."""
    if authority.certify(facts, address, parameters):
        for program in ("vault", "consul", "nomad"):
            systemctl("reload", f"{program}.service")


def _first_values() -> dict[str, dict[str, str]]:
    """Make the platform's own secrets: tokens chosen here, so that every step can be repeated after a crash."""
    gossip = base64.b64encode(os.urandom(32)).decode()
    agent = str(uuid.uuid4())
    server = {
        "consul_gossip": gossip,
        "consul_management": str(uuid.uuid4()),
        "consul_agent": agent,
        "consul_nomad": str(uuid.uuid4()),
        "consul_nomad_client": str(uuid.uuid4()),
        "consul_vault": str(uuid.uuid4()),
        "nomad_gossip": base64.b64encode(os.urandom(32)).decode(),
        "nomad_bootstrap": str(uuid.uuid4()),
    }
    node = {"consul_gossip": gossip, "consul_agent": agent, "consul_nomad": server["consul_nomad_client"]}
    return {"server": server, "node": node}


def _vault_policies(login: str) -> dict[str, str]:
    """Give Vault's policies; a node reads below its own name, which the AWS login gave it (accessor: `login`)."""
    return {holders.policy_name(name): holders.rules(name).replace("@login@", login) for name in holders.ALL}


def _config(program: str, name: str, content: dict[str, object]) -> None:
    write(Path(f"/etc/{program}.d/{name}.json"), json.dumps(content), 0o640, program)


def _policy(name: str) -> str:
    text = pkgutil.get_data("infra.agents", f"policies/{name}.hcl")
    if text is None:
        raise Fault(f"this program was packed without the policy {name}")
    return text.decode()
