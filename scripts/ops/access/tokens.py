"""Has Vault make the tokens for Nomad and Consul that its own token's holder may have."""

from contextlib import closing

from infra.holdings.tokens import IN_CONSUL, IN_NOMAD
from infra.holdings.vault import HEADER
from nomad_jobs.errors import AuthError
from nomad_jobs.platform import Platform
from scripts.ops.clients.api import Api
from scripts.ops.credentials import Credentials
from vault_policies import holders

_HOLDERS = (*holders.PIPELINES, *holders.PEOPLE)
"""A token with several policies acts as the first of these: a pipeline's rights are narrower."""


def made_by_vault(platform: Platform, given: Credentials) -> Credentials:
    """Complete what was `given`: a token of Vault's, and perhaps one of the others.

    What Vault makes ends with its token.

    Raises:
        AuthError: Vault refuses the token, or it is nobody's who may act here.

    """
    if given.nomad and given.consul:
        return given
    url = platform.vault_url
    with closing(Api("Vault", url, headers={HEADER: given.vault}, ca_file=platform.ca_file)) as vault:
        holder = _holder(vault)
        nomad = given.nomad or (_made(vault, f"nomad/creds/{holder}", "secret_id") if holder in IN_NOMAD else "")
        consul = given.consul or (_made(vault, f"consul/creds/{holder}", "token") if holder in IN_CONSUL else "")
    return Credentials(nomad=nomad, consul=consul, vault=given.vault)


def _holder(vault: Api) -> str:
    found = vault.get("/v1/auth/token/lookup-self")["data"]["policies"]
    for holder in _HOLDERS:
        if holders.policy_name(holder) in found:
            return holder
    known = ", ".join(map(holders.policy_name, _HOLDERS))
    fix = f"log in as somebody who has one of {known}; see docs/access.md"
    raise AuthError(vault.where, f"this token has only {', '.join(found) or 'no policies'}", fix)


def _made(vault: Api, path: str, field: str) -> str:
    made = vault.get(f"/v1/{path}")
    if made is None:
        fix = "the first server sets the engines up: see its `journalctl -u berth-converge`"
        raise AuthError(vault.where, f"has no {path}", fix)
    return str(made["data"][field])
