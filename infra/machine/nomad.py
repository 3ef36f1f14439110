"""Sets up Nomad: its first token, and introductions of the stack's machines that it does not know yet."""

from __future__ import annotations

import time
from typing import Any

from infra.holdings import tokens
from infra.holdings.entry import hold
from infra.holdings.names import POOL_TAG, ROLE_TAG, STACK_TAG
from infra.holdings.nomad import BOOTSTRAP, HEADER, JWKS_PATH, first_token
from infra.holdings.ports import NOMAD_HTTP
from infra.machine.aws import Aws
from infra.machine.fault import Fault
from infra.machine.system import until
from infra.machine.web import Api, Refused

INTRODUCTION_S = 1800
"""How long an introduction is valid: the longest that Nomad allows (`max_identity_ttl`)."""
_KEYS_S = 300


def connect(address: str, ca_file: str, token: str = "") -> Api:
    """Talk to this machine's own agent."""
    return Api(f"https://{address}:{NOMAD_HTTP}", ca_file, HEADER, token)


def await_keys(nomad: Api) -> None:
    """Wait until Nomad has a leader, and publishes the keys with which it signs."""

    def missing() -> str:
        _, text = _keys(nomad)
        return "" if b'"kid"' in text else "no keys yet"

    until(missing, "Nomad's signing keys", _KEYS_S)


def bootstrap(nomad: Api, anonymous: Api, secret: str) -> None:
    """Make the first token from a secret chosen beforehand, so that it can be repeated after a crash.

    Raises:
        Fault: Nomad has another first token.

    """
    if _knows(nomad):
        return
    try:
        anonymous.put(BOOTSTRAP, first_token(secret))
    except Refused as error:
        raise Fault(f"Nomad has a first token already, and it is not ours: {error}") from None


def holders(nomad: Api, rules: dict[str, str]) -> None:
    """Write the policies of people, pipelines and servers, by holder."""
    for holder, text in rules.items():
        hold(nomad, tokens.nomad_policy(holder, text))


def vaults_token(nomad: Api) -> str:
    """Make the token with which Vault makes others; one that a crash left is replaced, for nobody knows its secret."""
    for one in nomad.get("acl/tokens") or ():
        if one["Name"] == tokens.VAULTS_OWN:
            nomad.ask("DELETE", f"acl/token/{one['AccessorID']}")
    body = {"Name": tokens.VAULTS_OWN, "Type": "management"}
    return str(nomad.ask("POST", "acl/token", body)["SecretID"])


class Introductions:
    """Introduces machines, by name and node pool: Nomad admits no other."""

    def __init__(self, nomad: Api, vault: Api, aws: Aws, stack: str, account: str) -> None:
        self._nomad = nomad
        self._vault = vault
        self._aws = aws
        self._stack = stack
        self._account = account
        self._given: dict[str, float] = {}

    def give(self) -> list[str]:
        """Introduce each machine of the stack that Nomad does not know; return their names."""
        known = {node["Name"] for node in self._nomad.get("nodes") or ()}
        strangers = {name: tags for name, tags in self._machines().items() if name not in known}
        self._given = {name: at for name, at in self._given.items() if name in strangers}
        due = [name for name in strangers if time.time() - self._given.get(name, 0) > INTRODUCTION_S / 2]
        for name in due:
            self._introduce(name, strangers[name])
            self._given[name] = time.time()
        return due

    def _introduce(self, name: str, tags: dict[str, str]) -> None:
        body = {"NodeName": name, "NodePool": tags[POOL_TAG], "TTL": f"{INTRODUCTION_S}s"}
        token = self._nomad.ask("POST", "acl/identity/client-introduction-token", body)["JWT"]
        role = f"berth-{self._stack}-machine-{tags[ROLE_TAG]}"
        # A node reads only below its own name in Vault, which is its role's session name: the instance ID.
        path = f"platform/data/introduction/arn:aws:sts::{self._account}:assumed-role/{role}/{name}"
        version = ((self._vault.get(path) or {}).get("data") or {}).get("metadata", {}).get("version", 0)
        self._vault.put(path, {"options": {"cas": version}, "data": {"token": token}})

    def _machines(self) -> dict[str, dict[str, str]]:
        """Give the tags of every running node of the stack, by instance ID."""
        found = self._aws.query(
            "ec2",
            "DescribeInstances",
            Filter_1_Name=f"tag:{STACK_TAG}",
            Filter_1_Value_1=self._stack,
            Filter_2_Name="tag-key",
            Filter_2_Value_1=POOL_TAG,
            Filter_3_Name="instance-state-name",
            Filter_3_Value_1="running",
        )
        machines: dict[str, dict[str, str]] = {}
        for instance in found.iter("item"):
            name = instance.findtext("instanceId")
            if name and instance.find("tagSet") is not None:
                tags = {tag.findtext("key", ""): tag.findtext("value", "") for tag in instance.iterfind("tagSet/item")}
                machines[name] = tags
        return machines


def _keys(nomad: Api) -> tuple[int, bytes]:
    return nomad.raw("GET", JWKS_PATH)


def _knows(nomad: Api) -> Any:
    try:
        return nomad.get("acl/token/self")
    except Refused:
        return None
