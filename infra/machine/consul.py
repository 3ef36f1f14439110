"""Consul's access rules: a token for each kind of agent, and the login of what Nomad runs."""

from __future__ import annotations

import uuid
from typing import Any

from infra.machine.facts import Facts
from infra.machine.system import until
from infra.machine.web import Api, Refused

PORT = 8501
HEADER = "X-Consul-Token"
_CLAIMS = ("nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service")
_METHOD = "nomad-workloads"
_LEADER_S = 300


def connect(ca_file: str, token: str = "") -> Api:
    """Talk to this machine's own agent, over loopback."""
    return Api(f"https://127.0.0.1:{PORT}", ca_file, HEADER, token)


def await_leader(consul: Api) -> None:
    """Wait until Consul can write, and knows its first token."""
    until(lambda: "" if consul.get("acl/token/self") else "no token yet", "Consul's leader", _LEADER_S)


def setup(consul: Api, tokens: dict[str, tuple[str, str]]) -> None:
    """Make policies and tokens: by name, the rules and the token's secret. What is there and as it must be stays."""
    for name, (rules, secret) in tokens.items():
        wanted = {"Name": name, "Rules": rules, "Description": "made by berth"}
        found = _or_none(consul, f"acl/policy/name/{name}")
        if found is None:
            consul.put("acl/policy", wanted)
        elif found["Rules"] != rules:
            consul.put(f"acl/policy/{found['ID']}", wanted)
        accessor = str(uuid.uuid5(uuid.NAMESPACE_URL, f"berth/{name}"))
        if _or_none(consul, f"acl/token/{accessor}") is None:
            body = {"AccessorID": accessor, "SecretID": secret, "Description": name, "Policies": [{"Name": name}]}
            consul.put("acl/token", {**body, "Local": True})


def identity(consul: Api, facts: Facts, ca: str) -> None:
    """Let what Nomad runs log in: a service as itself, a task in the role of its own job."""
    method = {
        "Name": _METHOD,
        "Type": "jwt",
        "TokenLocality": "local",
        # No MaxTokenTTL: Nomad could not make a token anew that Consul let expire.
        "Config": {
            "JWKSURL": facts.url("nomad", 4646) + "/.well-known/jwks.json",
            "JWKSCACert": ca,
            "JWTSupportedAlgs": ["RS256"],
            "BoundAudiences": ["consul.io"],
            "ClaimMappings": {claim: claim for claim in _CLAIMS},
        },
    }
    there = _or_none(consul, f"acl/auth-method/{_METHOD}")
    consul.put(f"acl/auth-method/{_METHOD}" if there else "acl/auth-method", method)
    rules = consul.get(f"acl/binding-rules?authmethod={_METHOD}") or []
    _rule(consul, rules, "service", "${value.nomad_service}", '"nomad_service" in value')
    task = "nomad-task-${value.nomad_namespace}-${value.nomad_job_id}"
    _rule(consul, rules, "role", task, '"nomad_service" not in value')


def healthy_voter(api: Api, name: str, program: str) -> str:
    """Read the autopilot of Consul or Nomad, which speak of it alike; an unhealthy cluster answers 429."""
    health = api.get("operator/autopilot/health")
    server = next((one for one in health["Servers"] if one["Name"].split(".")[0] == name), None)
    if server is None:
        return f"{program} does not know {name} yet"
    if not (server["Healthy"] and server["Voter"]):
        return f"{program}: {name} is {'healthy' if server['Healthy'] else 'not healthy'}, and no voter yet"
    return "" if health["Healthy"] else f"{program}: a server is not healthy"


def _rule(consul: Api, rules: list[dict[str, Any]], bind: str, name: str, selector: str) -> None:
    wanted = {"AuthMethod": _METHOD, "BindType": bind, "BindName": name, "Selector": selector}
    found = next((rule for rule in rules if rule["BindType"] == bind), None)
    if found is None:
        consul.put("acl/binding-rule", wanted)
    elif any(found[key] != value for key, value in wanted.items()):
        consul.put(f"acl/binding-rule/{found['ID']}", wanted)


def _or_none(consul: Api, path: str) -> Any:
    """Read; Consul answers 403 for a token that is not there."""
    try:
        return consul.get(path)
    except Refused as error:
        if error.status == 403:  # noqa: PLR2004 - HTTP's own number
            return None
        raise
