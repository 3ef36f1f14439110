"""Sets up Vault: initialised once, then given all that servers and nodes ask of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from infra.holdings import engines, logins
from infra.holdings import vault as holdings
from infra.holdings.entry import Entry, hold
from infra.holdings.nomad import JWKS_PATH
from infra.holdings.ports import NOMAD_HTTP, VAULT_API
from infra.machine.aws import Aws, Parameters
from infra.machine.facts import Facts
from infra.machine.fault import Fault
from infra.machine.system import folder, systemctl, until
from infra.machine.web import Api, Refused
from nomad_jobs.mounts import KV_MOUNT

AUDIT_LOG = "/var/log/vault/audit.log"
_BEGUN = Path("/data/vault-begun")
"""Exists from before Vault is initialised until its answer is stored; on the same volume as Vault's own data."""
_SHARES = 5
_THRESHOLD = 3
_START_S = 120
_ACTIVE_S = 300
_PKI = {"type": "pki", "config": {"max_lease_ttl": "87600h"}}


def connect(address: str, ca_file: str, token: str = "") -> Api:
    """Talk to this machine's own Vault."""
    return Api(f"https://{address}:{VAULT_API}", ca_file, holdings.HEADER, token)


def await_answer(vault: Api) -> bool:
    """Wait until Vault answers; return whether it is initialised."""
    found: list[bool] = []

    def missing() -> str:
        found.append(bool(vault.get("sys/seal-status")["initialized"]))
        return ""

    until(missing, "Vault's first answer", _START_S)
    return found[-1]


def await_active(vault: Api) -> None:
    """Wait until Vault is unsealed and has a leader: KMS unseals it, and `retry_join` finds the others."""

    def missing() -> str:
        health = vault.get("sys/health?standbyok=true&sealedcode=200&uninitcode=200")
        if not health["initialized"]:
            return "not initialised, and no other server has let it join"
        if health["sealed"]:
            return "sealed"
        return "" if vault.get("sys/leader").get("leader_address") else "no leader"

    until(missing, "Vault unsealed", _ACTIVE_S)


def needs_init(vault: Api) -> bool:
    """Whether this Vault was never initialised, or its initialisation was cut short."""
    return not await_answer(vault) or _BEGUN.exists()


def initialise(vault: Api, parameters: Parameters, record: str) -> None:
    """Initialise Vault; store its root token until all is set up, and its recovery keys for people.

    `record` is the parameter that keeps both. A crash between Vault's answer and that record leaves a Vault that holds
    nothing and that nobody can open, so it is initialised anew.
    """
    if await_answer(vault):
        _delete_data()

        def missing() -> str:
            return "it still has its old data" if vault.get("sys/seal-status")["initialized"] else ""

        until(missing, "Vault without data", _START_S)
    _BEGUN.touch()
    made = vault.put("sys/init", {"recovery_shares": _SHARES, "recovery_threshold": _THRESHOLD})
    kept = json.dumps({"root_token": made["root_token"], "recovery_keys": made["recovery_keys_base64"]})
    if not parameters.put(record, kept, is_secret=True):
        raise Fault(f"parameter {record} exists already, of an earlier Vault on the same volume: delete it")
    _BEGUN.unlink()


def root_token(parameters: Parameters, record: str) -> str:
    """Give the root token while it is stored; first store the recovery keys where only people read them."""
    kept = parameters.get(record)
    if kept is None:
        return ""
    found = json.loads(kept)
    parameters.put(f"recovery/{record.rpartition('/')[2]}", json.dumps(found["recovery_keys"]), is_secret=True)
    return str(found["root_token"])


def drop_root(vault: Api, parameters: Parameters, record: str) -> None:
    """Revoke and delete the root token: from now on the servers' own login is enough."""
    try:
        vault.ask("POST", "auth/token/revoke-self", {})
    except Refused as error:
        if error.status != 403:
            raise
    parameters.delete(record)


def login(facts: Facts, aws: Aws, vault: Api) -> str:
    """Log in as this machine's IAM role."""
    body = {"role": facts.role, **aws.vault_login(f"berth-{facts.stack}")}
    return str(vault.ask("POST", "auth/aws/login", body)["auth"]["client_token"])


class Setup:
    """Sets up what Vault holds; every step reads before it writes."""

    def __init__(self, vault: Api, facts: Facts, authority: str, ca: str) -> None:
        """Act with `vault`'s token; `authority` is the stack's key and certificate, `ca` the latter alone."""
        self._vault = vault
        self._facts = facts
        self._authority = authority
        self._ca = ca

    def platform(self, policies: Callable[[str], dict[str, str]], first_values: dict[str, dict[str, str]]) -> None:
        """Set up audit first, so that the rest is on record; then engines, certificates, logins, first secrets.

        `policies` gives rules by name, for the accessor of the AWS login.
        """
        mounts = (*holdings.kv("platform"), *holdings.kv(KV_MOUNT), *engines.mounts())
        for entry in (*holdings.audit(AUDIT_LOG), *mounts, engines.cloud_aws(self._facts.region)):
            until(partial(self._held, entry), f"Vault holding {entry.make}", _START_S)
        self._enable("mounts", "pki", _PKI)
        self._certificates()
        hold(self._vault, next(self._logins()))
        accessor = str(self._vault.get("sys/auth")["data"]["aws/"]["accessor"])
        for name, rules in policies(accessor).items():
            hold(self._vault, holdings.policy(name, rules))
        for entry in self._logins():
            hold(self._vault, entry)
        for name, values in first_values.items():
            self._seed(name, values)

    def nomad(self) -> None:
        """Set up the login of Nomad's workloads; Nomad must serve its keys by now."""
        jwks_url = self._facts.url("nomad", NOMAD_HTTP) + JWKS_PATH
        for entry in holdings.jobs_login(jwks_url, self._facts.issuer, self._ca):
            hold(self._vault, entry)

    def secrets(self, name: str) -> dict[str, str]:
        """Read the secret `name` of the platform itself."""
        found = self._vault.get(f"platform/data/{name}")
        if found is None:
            raise Fault(f"Vault holds no platform/{name} yet: the first server writes it")
        return dict(found["data"]["data"])

    def _held(self, entry: Entry) -> str:
        """Write one entry, for `until` to repeat: a new engine refuses for a moment."""
        hold(self._vault, entry)
        return ""

    def _enable(self, kind: str, mount: str, body: dict[str, Any]) -> None:
        if f"{mount}/" not in self._vault.get(f"sys/{kind}")["data"]:
            self._vault.ask("POST", f"sys/{kind}/{mount}", body)

    def _certificates(self) -> None:
        """Let Vault issue certificates of nodes, never of servers: agents read the role from the name."""
        issuers = self._vault.ask("LIST", "pki/issuers")
        if not issuers:
            self._vault.ask("POST", "pki/issuers/import/bundle", {"pem_bundle": self._authority})
        names = [f"client.{self._facts.region}.nomad", f"client.{self._facts.region}.consul", "localhost"]
        role = {
            "allowed_domains": names,
            "allow_bare_domains": True,
            "allow_subdomains": False,
            "allow_localhost": True,
            "allow_ip_sans": True,
            "enforce_hostnames": True,
            "key_type": "ec",
            "key_bits": 256,
            "max_ttl": "72h",
            "no_store": True,
        }
        self._vault.ask("POST", "pki/roles/node", role)

    def _logins(self) -> Iterator[Entry]:
        """Describe how machines and people log in with their IAM roles; what needs a world outside AWS is people's."""
        return logins.by_iam(self._facts.roles, self._facts.region, self._facts.stack)

    def _seed(self, name: str, values: dict[str, str]) -> None:
        """Write the first version of a secret, unless there is one."""
        if self._vault.get(f"platform/data/{name}") is None:
            self._vault.put(f"platform/data/{name}", {"options": {"cas": 0}, "data": values})


def _delete_data() -> None:
    systemctl("stop", "vault.service")
    shutil.rmtree("/data/vault")
    folder(Path("/data/vault"), 0o700, "vault")
    systemctl("start", "vault.service")


def healthy_voter(vault: Api, name: str) -> str:
    """Say what this server's Vault still lacks, by the leader's autopilot."""
    state = vault.get("sys/storage/raft/autopilot/state")["data"]
    server = state["servers"].get(name)
    if server is None:
        return f"Vault does not know {name} yet"
    if not server["healthy"] or server["status"] == "non-voter":
        return f"Vault: {name} is {'healthy' if server['healthy'] else 'not healthy'}, a {server['status']}"
    return "" if state["healthy"] else "Vault: a server is not healthy"
