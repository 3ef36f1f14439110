"""Writes Consul's access rules on a laptop: those of every platform, with the laptop's own tokens."""

import json

from infra.holdings import consul as holdings
from infra.holdings.entry import hold
from nomad_jobs.errors import AuthError
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.agent_wait import AgentWait
from scripts.ops.local.policies import rules
from scripts.ops.local.state import State

_KEYS = {"berth-consul-agent": "consul-agent", "berth-nomad": "consul-nomad"}
"""Key file of the token, by the name of its policy: one Nomad agent's token is enough for all nodes of a laptop."""


def await_leader(consul: Api, wait: AgentWait) -> None:
    """Wait until Consul has a leader and knows its first token."""

    def missing() -> str | None:
        try:
            return None if consul.get("/v1/acl/token/self") else "no token yet"
        except AuthError:
            return "it does not know its first token yet"

    wait.until(missing, "a leader")


def agents(consul: Api, state: State) -> None:
    """Give the Consul agent and the Nomad agents their own tokens."""
    written = {}
    for name, key in _KEYS.items():
        hold(consul, holdings.policy(name, rules(holdings.AGENT_POLICIES[name])))
        written[key] = hold(consul, holdings.token(name, state.ensure_key(key)))
    token = state.ensure_key("consul-agent")
    if written["consul-agent"] or not _agent_has(state, token):
        consul.put("/v1/agent/token/agent", json={"Token": token})


def identity(consul: Api, jwks_url: str) -> None:
    """Set up the login of the jobs that Nomad runs."""
    for entry in holdings.login(jwks_url):
        hold(consul, entry)


def _agent_has(state: State, token: str) -> bool:
    """Whether the agent has stored this token (enable_token_persistence), so that it survives a restart."""
    kept = state.root / "consul" / "acl-tokens.json"
    return kept.exists() and json.loads(kept.read_text() or "{}").get("agent") == token
