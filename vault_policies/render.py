"""Renders a service's Vault policy and Vault role: exactly its own secrets, for exactly its own job."""

from pathlib import Path
from typing import Any

from nomad_jobs.model import Service, secret_path
from nomad_jobs.mounts import KV_MOUNT
from nomad_jobs.platform import Platform
from nomad_jobs.text import render
from vault_policies import engines, holders

_TEMPLATES = Path(__file__).parent / "templates"

AUDIENCE = "vault.io"
TOKEN_PERIOD_S = 1800
"""How long a task's token lives when it is not renewed: Nomad renews it long before, and makes a new one if need be."""


def render_policy(service: Service, platform: Platform) -> str:
    """Render the policy: each of the service's secrets, credentials and keys by full path, and no wildcard."""
    secrets = [f"{KV_MOUNT}/data/{platform.namespace}/{secret_path(one, service)}" for one in service.secrets]
    paths = [*((path, "read") for path in secrets), *engines.paths(service)]
    return render(_TEMPLATES, "service.hcl.j2", {"service": service, "paths": paths})


def role(service: Service, platform: Platform) -> dict[str, Any]:
    """Give the body of `auth/jwt-nomad/role/<name>`.

    Its claims bind namespace and job. `unique_id` tells the same job id in two namespaces apart, which the role of
    `nomad setup vault` does not. `token_explicit_max_ttl` is 0: with a limit, Vault would end the tokens of long tasks.
    """
    return {
        "role_type": "jwt",
        "bound_audiences": [AUDIENCE],
        "bound_claims": {"nomad_namespace": platform.namespace, "nomad_job_id": service.name},
        **holders.EXACT_CLAIMS,
        "user_claim": "/extra_claims/unique_id",
        "user_claim_json_pointer": True,
        "claim_mappings": {
            "nomad_namespace": "nomad_namespace",
            "nomad_job_id": "nomad_job_id",
            "nomad_task": "nomad_task",
        },
        "token_type": "service",
        "token_policies": [service.vault_name],
        "token_no_default_policy": True,
        "token_period": TOKEN_PERIOD_S,
        "token_explicit_max_ttl": 0,
    }
