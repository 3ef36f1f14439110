"""How machines, people and pipelines log in to Vault: who may have which holder's token, and for how long.

A machine and a person log in by IAM role, a person also by OIDC, and a pipeline by the token that GitLab signs for its
job. Each login gives one holder's policy, and never Vault's own `default`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.holdings import vault
from infra.holdings.entry import Entry
from vault_policies import holders

OIDC = "oidc"
GITLAB = "jwt-gitlab"
MADE_BY = "made by berth"
OIDC_CONFIG = f"auth/{OIDC}/config"
HIDDEN_FIELD = "oidc_client_secret"
"""The field of the configuration that Vault takes and never shows."""
CALLBACK = "http://localhost:8250/oidc/callback"
"""Where `vault login` waits for the browser. Vault takes any port of this machine, the provider this one alone."""
_HOUR_S = 3600
_PERSON = {"token_ttl": _HOUR_S, "token_max_ttl": 8 * _HOUR_S}
_MACHINE = {"token_ttl": _HOUR_S, "token_max_ttl": 24 * _HOUR_S}
_ALGORITHMS = ["RS256"]
"""What GitLab signs with; Vault must accept nothing else of it."""
_TOLD = ("project_path", "ref", "environment", "pipeline_id", "job_id", "user_login")
"""Claims of a job that Vault's audit log shall tell."""


def by_iam(arns: Mapping[str, str], region: str, stack: str) -> Iterator[Entry]:
    """Describe the login by IAM role; `arns` has the role's ARN by the name of the Vault role."""
    yield Entry(at="sys/auth", within=("data", "aws/"), body={"type": "aws"}, make="sys/auth/aws", method="POST")
    client = {
        "sts_endpoint": f"https://sts.{region}.amazonaws.com",
        "sts_region": region,
        "iam_server_id_header_value": f"berth-{stack}",
    }
    yield vault.setting("auth/aws/config/client", client)
    yield vault.setting("auth/aws/config/identity", {"iam_alias": "full_arn"})
    for name, bound in iam_roles(arns).items():
        body = {
            "auth_type": "iam",
            "bound_iam_principal_arn": bound,
            # Vault would ask IAM, which has no endpoint inside the network; the role's name is unique as it is.
            "resolve_aws_unique_ids": False,
            **_token(_holder(name), _PERSON if name in holders.ACTING else _MACHINE),
        }
        yield vault.setting(f"auth/aws/role/{name}", body)


def iam_roles(arns: Mapping[str, str]) -> dict[str, list[str]]:
    """Give the IAM roles of each Vault role.

    An operator who deploys logs in as `deploy`: one login is one holder, and nobody has the rights of two at once.
    """
    wanted = {name: [arn] for name, arn in arns.items()}
    if "operator" in arns:
        wanted["deploy"] = [*wanted.get("deploy", []), arns["operator"]]
    return wanted


def by_oidc(issuer: str, client_id: str, claim: str, groups: Mapping[str, str], vault_url: str) -> Iterator[Entry]:
    """Describe the login of people: the group in `claim` decides who may have which holder's token.

    `groups` has a group by holder. The configuration lacks the client's secret, which only whoever writes it knows.
    There is no default role, so that a person says which holder he wants to be.
    """
    yield _method(OIDC, "oidc")
    config = {
        "oidc_discovery_url": issuer,
        "oidc_client_id": client_id,
        "bound_issuer": issuer,
        "jwt_supported_algs": _ALGORITHMS,
        "default_role": "",
    }
    yield vault.setting(OIDC_CONFIG, config)
    for name, group in oidc_roles(groups).items():
        body = {
            "role_type": "oidc",
            # A provider never gives a `sub` to another person; a name or a mail address it may.
            "user_claim": "sub",
            "bound_audiences": [client_id],
            **holders.EXACT_CLAIMS,
            "bound_claims": {claim: [group]},
            "allowed_redirect_uris": [CALLBACK, f"{vault_url}/ui/vault/auth/{OIDC}/oidc/callback"],
            **_token(name, _PERSON),
        }
        yield vault.setting(f"auth/{OIDC}/role/{name}", body)


def oidc_roles(groups: Mapping[str, str]) -> dict[str, str]:
    """Give the group of each Vault role; operators deploy as `deploy`, as with IAM."""
    return {**groups, **({"deploy": groups["operator"]} if "operator" in groups else {})}


def by_gitlab(audience: str, project_id: int, branch: str, environment: str) -> Iterator[Entry]:
    """Describe the login of pipelines, but for the keys of GitLab: what a job's token must say, each word exactly."""
    yield _method(GITLAB, "jwt")
    project = {"project_id": str(project_id), "ref_type": "branch"}
    protected = {**project, "ref": branch, "ref_protected": "true", "environment": environment}
    wanted = {
        "plan": project,
        "deploy": protected,
        "rotate": {**protected, "pipeline_source": "schedule"},
    }
    for name, claims in wanted.items():
        body = {
            "role_type": "jwt",
            "user_claim": "user_id",
            "bound_audiences": [audience],
            **holders.EXACT_CLAIMS,
            "bound_claims": claims,
            "claim_mappings": {claim: claim for claim in _TOLD},
            # What Vault makes ends with this token, so it lasts as long as a job may: GitLab's default is an hour.
            **_token(name, {"token_ttl": _HOUR_S, "token_explicit_max_ttl": _HOUR_S}),
        }
        yield vault.setting(f"auth/{GITLAB}/role/{name}", body)


def gitlab_keys(issuer: str, keys: Sequence[str]) -> Entry:
    """Describe the keys (PEM) of GitLab's tokens; Vault looks up none itself, since it has no way to the internet."""
    config = {
        "jwt_validation_pubkeys": list(keys),
        "bound_issuer": issuer,
        "jwt_supported_algs": _ALGORITHMS,
        "default_role": "",
    }
    return vault.setting(f"auth/{GITLAB}/config", config)


def _holder(role: str) -> str:
    """Name the holder of a Vault role of IAM; those of nodes are named after their kind."""
    return role if role in (*holders.ACTING, "server") else "node"


def _token(holder: str, lasts: Mapping[str, int]) -> dict[str, Any]:
    policies = {"token_policies": [holders.policy_name(holder)], "token_no_default_policy": True}
    return {**policies, "token_period": 0, **lasts}


def _method(mount: str, kind: str) -> Entry:
    body = {"type": kind, "description": MADE_BY}
    path = f"sys/auth/{mount}"
    return Entry(at="sys/auth", within=("data", f"{mount}/"), body=body, make=path, method="POST")
