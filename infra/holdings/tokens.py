"""Tokens of Nomad and Consul that Vault makes for people, pipelines and servers, and that end with their Vault token.

Nobody has a permanent one: the first tokens, with which a stack is set up, stay where only servers read them.
"""

from __future__ import annotations

from collections.abc import Iterator

from infra.holdings import consul as consul_holdings
from infra.holdings import vault
from infra.holdings.entry import Entry

IN_NOMAD = ("operator", "developer", "auditor", "plan", "deploy", "rotate", "server")
IN_CONSUL = (*IN_NOMAD, "access")
VAULTS_OWN = "platform-vault"
"""Name of the policy and of the token in Consul with which Vault makes others, and of that token in Nomad."""
_TTL = "1h"
_MAX_TTL = "8h"
_IN_SECONDS = {"ttl": 3600, "max_ttl": 28800}
"""The same, as Vault shows them."""


def name_of(holder: str) -> str:
    """Name the holder's policy in Nomad and in Consul, as in Vault."""
    return f"platform-{holder}"


def nomad_policy(holder: str, rules: str) -> Entry:
    """Describe a holder's policy in Nomad."""
    path = f"acl/policy/{name_of(holder)}"
    body = {"Name": name_of(holder), "Rules": rules, "Description": "made by berth"}
    return Entry(at=path, body=body, make=path, method="POST")


def consul_policy(holder: str, rules: str) -> Entry:
    """Describe a holder's policy in Consul."""
    return consul_holdings.policy(name_of(holder), rules)


def nomad_engine(url: str, token: str, ca: str) -> Iterator[Entry]:
    """Describe Vault's engine for Nomad at `url`; `ca` is the authority (PEM) of its certificate."""
    yield vault.engine("nomad")
    access = {"address": url, "token": token, "ca_cert": ca}
    yield vault.setting("nomad/config/access", access, shown={"address": url})  # it shows no token
    lease = {"ttl": _TTL, "max_ttl": _MAX_TTL}
    yield vault.setting("nomad/config/lease", lease, shown=_IN_SECONDS)
    for holder in IN_NOMAD:
        yield vault.setting(f"nomad/role/{holder}", {"policies": [name_of(holder)], "type": "client"})


def consul_engine(address: str, token: str, ca: str) -> Iterator[Entry]:
    """Describe Vault's engine for the Consul agent beside it, at `address` (host and port, over TLS)."""
    yield vault.engine("consul")
    where = {"address": address, "scheme": "https"}
    yield vault.setting("consul/config/access", {**where, "token": token, "ca_cert": ca}, shown=where)
    for holder in IN_CONSUL:
        policies = {"consul_policies": [name_of(holder)]}
        body = {**policies, "ttl": _TTL, "max_ttl": _MAX_TTL, "local": True}
        yield vault.setting(f"consul/roles/{holder}", body, shown={**policies, **_IN_SECONDS})
