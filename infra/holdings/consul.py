"""What Consul holds: a policy and a token for each kind of agent, and the login of Nomad's workloads."""

from __future__ import annotations

import uuid

from infra.holdings.entry import Entry

HEADER = "X-Consul-Token"
AUTH_METHOD = "nomad-workloads"
AGENT_POLICIES = {
    "berth-consul-agent": "consul-agent",
    "berth-nomad": "consul-nomad",
    "berth-nomad-client": "consul-nomad-client",
}
"""File with the rules, by the name of the policy and of its token."""
TASK_ROLE = "nomad-task-{namespace}-{job}"
"""Role that a job's templates log in to; it exists only for jobs whose templates ask Consul."""
_CLAIMS = ("nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service")


def policy(name: str, rules: str) -> Entry:
    """Describe a policy."""
    body = {"Name": name, "Rules": rules, "Description": "made by berth"}
    return Entry(at=f"acl/policy/name/{name}", body=body, make="acl/policy", change="acl/policy/{ID}")


def token(name: str, secret: str) -> Entry:
    """Describe the token of the policy `name`; its accessor is derived from the name, so that it can be found again.

    Consul cannot change a token's secret: when ours is another one, the token is replaced.
    """
    accessor = str(uuid.uuid5(uuid.NAMESPACE_URL, f"berth/{name}"))
    body = {"AccessorID": accessor, "SecretID": secret, "Description": name, "Policies": [{"Name": name}]}
    at = f"acl/token/{accessor}"
    return Entry(
        at=at,
        body={**body, "Local": True},
        make="acl/token",
        compared={"SecretID": secret},
        is_replaced=True,
        remove=at,
    )


def login(jwks_url: str, ca: str = "") -> tuple[Entry, ...]:
    """Describe how workloads log in: a service as itself, a task in its job's Consul role, which a deployment makes.

    `ca` is the authority (PEM) of `jwks_url`; empty: it is plain HTTP on loopback.
    """
    config = {
        "JWKSURL": jwks_url,
        "JWTSupportedAlgs": ["RS256"],
        "BoundAudiences": ["consul.io"],
        "ClaimMappings": {claim: claim for claim in _CLAIMS},
        **({"JWKSCACert": ca} if ca else {}),
    }
    # No MaxTokenTTL: Nomad could not replace a token that had expired in Consul.
    method = {"Name": AUTH_METHOD, "Type": "jwt", "TokenLocality": "local", "Config": config}
    at = f"acl/auth-method/{AUTH_METHOD}"
    role = TASK_ROLE.format(namespace="${value.nomad_namespace}", job="${value.nomad_job_id}")
    return (
        Entry(at=at, body=method, make="acl/auth-method", change=at),
        _rule("service", "${value.nomad_service}", '"nomad_service" in value'),
        _rule("role", role, '"nomad_service" not in value'),
    )


def _rule(bind: str, name: str, selector: str) -> Entry:
    return Entry(
        at=f"acl/binding-rules?authmethod={AUTH_METHOD}",
        body={"AuthMethod": AUTH_METHOD, "BindType": bind, "BindName": name, "Selector": selector},
        make="acl/binding-rule",
        change="acl/binding-rule/{ID}",
        chosen_by="BindType",
    )
