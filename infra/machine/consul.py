"""Sets up Consul: a policy and a token for each kind of agent, and the login of Nomad's workloads."""

from __future__ import annotations

from infra.holdings import consul as holdings
from infra.holdings import tokens
from infra.holdings.entry import hold
from infra.holdings.nomad import JWKS_PATH
from infra.holdings.ports import CONSUL_HTTPS, NOMAD_HTTP
from infra.machine.facts import Facts
from infra.machine.system import until
from infra.machine.web import Api

_LEADER_S = 300


def connect(ca_file: str, token: str = "") -> Api:
    """Talk to this machine's own agent, over loopback."""
    return Api(f"https://127.0.0.1:{CONSUL_HTTPS}", ca_file, holdings.HEADER, token)


def await_leader(consul: Api) -> None:
    """Wait until Consul has a leader, and knows its first token."""
    until(lambda: "" if consul.get("acl/token/self") else "no token yet", "Consul's leader", _LEADER_S)


def setup(consul: Api, tokens: dict[str, tuple[str, str]]) -> None:
    """Write the policies and tokens that are missing or differ; `tokens` has rules and secret by name."""
    for name, (rules, secret) in tokens.items():
        hold(consul, holdings.policy(name, rules))
        hold(consul, holdings.token(name, secret))


def holders(consul: Api, rules: dict[str, str]) -> None:
    """Write the policies of people, pipelines and servers, by holder."""
    for holder, text in rules.items():
        hold(consul, tokens.consul_policy(holder, text))


def identity(consul: Api, facts: Facts, ca: str) -> None:
    """Set up the login of Nomad's workloads."""
    for entry in holdings.login(facts.url("nomad", NOMAD_HTTP) + JWKS_PATH, ca):
        hold(consul, entry)


def healthy_voter(api: Api, name: str, program: str) -> str:
    """Say what this server still lacks, by the autopilot of Consul or Nomad; an unhealthy cluster answers 429."""
    health = api.get("operator/autopilot/health")
    server = next((one for one in health["Servers"] if one["Name"].split(".")[0] == name), None)
    if server is None:
        return f"{program} does not know {name} yet"
    if not (server["Healthy"] and server["Voter"]):
        return f"{program}: {name} is {'healthy' if server['Healthy'] else 'not healthy'}, and not a voter yet"
    return "" if health["Healthy"] else f"{program}: a server is not healthy"
