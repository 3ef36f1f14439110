"""Consul's access rules: tokens for the agents, and workload identity for what Nomad runs."""

import json
import uuid
from pathlib import Path
from typing import Any

from infra.agents import render
from nomad_jobs.errors import AuthError
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.agent_wait import Watch
from scripts.ops.local.setup.converge import differs
from scripts.ops.local.state import State

AUTH_METHOD = "nomad-workloads"
POLICIES = Path(render.__file__).parent / "policies"
_CLAIMS = ("nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service")


def await_leader(consul: Api, watch: Watch) -> None:
    """Wait until Consul can write, and knows its first token."""

    def missing() -> str | None:
        try:
            return None if consul.get("/v1/acl/token/self") else "no token yet"
        except AuthError:
            return "it does not know its first token yet"

    watch.until(missing, "a leader")


def agents(consul: Api, state: State) -> None:
    """Give the Consul agent and the Nomad agents their own tokens."""
    _policy(consul, "berth-consul-agent", "consul-agent")
    _policy(consul, "berth-nomad", "consul-nomad")
    _token(consul, "berth-nomad", state.ensure_key("consul-nomad"))
    token = state.ensure_key("consul-agent")
    made = _token(consul, "berth-consul-agent", token)
    if made or not _agent_has(state, token):
        consul.put("/v1/agent/token/agent", json={"Token": token})


def identity(consul: Api, jwks_url: str) -> None:
    """Let what Nomad runs log in: a service as itself, a task in the role of its own job, which a deployment makes."""
    _auth_method(consul, jwks_url)
    rules = consul.get("/v1/acl/binding-rules", authmethod=AUTH_METHOD) or []
    _rule(consul, rules, "service", "${value.nomad_service}", '"nomad_service" in value')
    role = "nomad-task-${value.nomad_namespace}-${value.nomad_job_id}"
    _rule(consul, rules, "role", role, '"nomad_service" not in value')


def _auth_method(consul: Api, jwks_url: str) -> None:
    wanted = {
        "Name": AUTH_METHOD,
        "Type": "jwt",
        "TokenLocality": "local",
        # No MaxTokenTTL: Nomad could not make a token anew that Consul let expire.
        "Config": {
            "JWKSURL": jwks_url,
            "JWTSupportedAlgs": ["RS256"],
            "BoundAudiences": ["consul.io"],
            "ClaimMappings": {claim: claim for claim in _CLAIMS},
        },
    }
    found = consul.get(f"/v1/acl/auth-method/{AUTH_METHOD}")
    if found is None:
        consul.put("/v1/acl/auth-method", json=wanted)
    elif differs(wanted, found):
        consul.put(f"/v1/acl/auth-method/{AUTH_METHOD}", json=wanted)


def _rule(consul: Api, rules: list[dict[str, Any]], bind: str, name: str, selector: str) -> None:
    wanted = {"AuthMethod": AUTH_METHOD, "BindType": bind, "BindName": name, "Selector": selector}
    same_kind = [rule for rule in rules if rule["BindType"] == bind]
    if not same_kind:
        consul.put("/v1/acl/binding-rule", json=wanted)
    elif differs(wanted, same_kind[0]):
        consul.put(f"/v1/acl/binding-rule/{same_kind[0]['ID']}", json=wanted)


def _policy(consul: Api, name: str, file: str) -> None:
    rules = (POLICIES / f"{file}.hcl").read_text()
    found = consul.get(f"/v1/acl/policy/name/{name}")
    wanted = {"Name": name, "Rules": rules, "Description": "made by berth"}
    if found is None:
        consul.put("/v1/acl/policy", json=wanted)
    elif differs(wanted, found):
        consul.put(f"/v1/acl/policy/{found['ID']}", json=wanted)


def _token(consul: Api, policy: str, secret: str) -> bool:
    """Make sure of the token of this policy; its accessor is known beforehand, so that it can be found again."""
    accessor = str(uuid.uuid5(uuid.NAMESPACE_URL, f"berth/{policy}"))
    found = _found_token(consul, accessor)
    if found and found.get("SecretID") == secret:
        return False
    if found:  # the key file was lost: a secret cannot be changed, only made anew
        consul.delete(f"/v1/acl/token/{accessor}")
    wanted = {"AccessorID": accessor, "SecretID": secret, "Description": policy, "Policies": [{"Name": policy}]}
    consul.put("/v1/acl/token", json={**wanted, "Local": True})
    return True


def _found_token(consul: Api, accessor: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = consul.get(f"/v1/acl/token/{accessor}")
    except AuthError:  # Consul answers 403 for a token that is not there
        return None
    return found


def _agent_has(state: State, token: str) -> bool:
    """Whether the agent will remember its token: where it keeps what it was given (enable_token_persistence)."""
    kept = state.root / "consul" / "acl-tokens.json"
    return kept.exists() and json.loads(kept.read_text() or "{}").get("agent") == token
