"""Has Vault make tokens for Nomad and Consul: sets the engines up once, and asks them for this server's own."""

from __future__ import annotations

from functools import partial

from infra.holdings import tokens
from infra.holdings.entry import Entry, hold
from infra.holdings.ports import CONSUL_HTTPS, NOMAD_HTTP
from infra.machine.facts import Facts
from infra.machine.system import until
from infra.machine.web import Api

_CONSUL = f"127.0.0.1:{CONSUL_HTTPS}"
_ENGINE_S = 120


def set_up(as_root: Api, facts: Facts, ca: str, *, nomad: str, consul: str) -> None:
    """Set up both engines, each with the token with which it makes others."""
    url = facts.url("nomad", NOMAD_HTTP)
    for entry in (*tokens.nomad_engine(url, nomad, ca), *tokens.consul_engine(_CONSUL, consul, ca)):
        until(partial(_held, as_root, entry), f"Vault holding {entry.make}", _ENGINE_S)


def _held(as_root: Api, entry: Entry) -> str:
    """Write one entry, for `until` to repeat: a new engine refuses for a moment."""
    hold(as_root, entry)
    return ""


def for_nomad(as_server: Api) -> str:
    """Have Vault make this server's token for Nomad."""
    return str(as_server.get("nomad/creds/server")["data"]["secret_id"])


def for_consul(as_server: Api) -> str:
    """Have Vault make this server's token for Consul."""
    return str(as_server.get("consul/creds/server")["data"]["token"])
