"""Writes what Vault holds before a deployment: audit, the KV engine, the login of jobs, the operator's token."""

from collections.abc import Callable, Iterator

from infra.holdings import vault as holdings
from infra.holdings.entry import Entry, hold, lacks
from nomad_jobs.errors import AuthError, RefusedError
from nomad_jobs.mounts import KV_MOUNT
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.boot_plan import ISSUER
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.vault_keys import unseal_keys
from scripts.ops.local.state import State, writing
from scripts.ops.waiting import wait_until
from vault_policies import holders

TOKEN = "vault-operator"  # noqa: S105 - the name of its file
_PERIOD_S = 32 * 24 * 3600
_RENEW_BELOW_S = _PERIOD_S / 2
_UPGRADE_S = 20
_AUDIT_MAX_BYTES = 50 * 2**20


def setup(vault: Api, state: State, jwks_url: str) -> None:
    """Write what Vault must hold where it differs; only then is a root token made."""
    entries = tuple(_entries(state, jwks_url))
    with session("Vault", vault.url, state.key(TOKEN)) as operator:
        is_valid = _is_valid(operator)
        if is_valid and not any(lacks(operator, one) for one in entries):
            return
    with root(vault, unseal_keys(state)) as as_root:
        for entry in entries:
            _write(as_root, entry)
        if not is_valid:
            state.write(state.keys / TOKEN, _new_token(as_root) + "\n")


def rotate_audit(state: State, reopen: Callable[[], None]) -> None:
    """Move a large audit file aside and have Vault start a new one; only the last one moved is kept."""
    log = state.logs / "vault-audit.log"
    if log.exists() and log.stat().st_size > _AUDIT_MAX_BYTES:
        with writing(log):
            log.replace(log.with_suffix(".log.1"))
        reopen()


def _entries(state: State, jwks_url: str) -> Iterator[Entry]:
    """List what Vault must hold, in the order of writing: audit first, so that it records the rest."""
    yield from holdings.audit(str(state.logs / "vault-audit.log"))
    yield holdings.policy(holders.policy_name("operator"), holders.rules("operator"))
    yield from holdings.kv(KV_MOUNT)
    yield from holdings.jobs_login(jwks_url, ISSUER)


def _write(vault: Api, entry: Entry) -> None:
    """Write one entry, if need be again: an engine that was just mounted refuses for a moment."""

    def missing() -> str | None:
        try:
            hold(vault, entry)
        except RefusedError as error:
            return error.what
        return None

    wait_until(missing, where="vault", what=f"holding {entry.make}", deadline_s=_UPGRADE_S)


def _new_token(vault: Api) -> str:
    body = {
        "policies": [holders.policy_name("operator")],
        "no_default_policy": True,
        "period": f"{_PERIOD_S}s",
        "display_name": "berth",
    }
    made = vault.post("/v1/auth/token/create-orphan", json=body)
    return str(made["auth"]["client_token"])


def _is_valid(operator: Api) -> bool:
    """Whether the token still works; one with less than half its time left is renewed."""
    try:
        found = operator.get("/v1/auth/token/lookup-self")
        if found["data"]["ttl"] < _RENEW_BELOW_S:
            operator.post("/v1/auth/token/renew-self")
    except AuthError:
        return False
    return True
