"""What Vault holds before anything is deployed: audit, the KV engine, the login of Nomad's jobs, a deployer's token."""

from collections.abc import Callable, Iterator
from typing import Any

from nomad_jobs.errors import AuthError, DeployError
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.boot_plan import ISSUER
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.consul import POLICIES
from scripts.ops.local.setup.converge import differs
from scripts.ops.local.setup.vault_keys import root
from scripts.ops.local.state import State, writing
from scripts.ops.waiting import wait_until
from vault_policies.render import AUTH_MOUNT, KV_MOUNT

POLICY = "platform-operator"
TOKEN = "vault-operator"  # noqa: S105 - the name of its file
_PERIOD_S = 32 * 24 * 3600
_RENEW_BELOW_S = _PERIOD_S / 2
_UPGRADE_S = 20
_AUDIT_MAX_BYTES = 50 * 2**20

Change = Callable[[Api], None]
"""Something to write with a root token."""


def setup(vault: Api, state: State, jwks_url: str) -> None:
    """Make Vault as it must be; a root token is made only if something differs."""
    with session("Vault", vault.url, state.key(TOKEN)) as operator:
        is_valid = _is_valid(operator)
        if is_valid and not list(_changes(operator, state, jwks_url)):
            return
    with root(vault, state) as as_root:
        for change in _changes(as_root, state, jwks_url):
            change(as_root)
        if not is_valid:
            state.write(state.keys / TOKEN, _new_token(as_root) + "\n")


def rotate_audit(state: State, reopen: Callable[[], None]) -> None:
    """Set a large audit file aside, and have Vault begin a new one; the last one set aside is kept."""
    log = state.logs / "vault-audit.log"
    if log.exists() and log.stat().st_size > _AUDIT_MAX_BYTES:
        with writing(log):
            log.replace(log.with_suffix(".log.1"))
        reopen()


def _changes(vault: Api, state: State, jwks_url: str) -> Iterator[Change]:
    """Yield what differs, in the order in which it must be written: audit first, so that the rest is recorded."""
    yield from _audit_changes(vault, state)
    rules = (POLICIES / "vault-operator.hcl").read_text()
    if _data(vault, f"sys/policies/acl/{POLICY}").get("policy") != rules:
        yield lambda api: api.put(f"/v1/sys/policies/acl/{POLICY}", json={"policy": rules})
    if f"{KV_MOUNT}/" not in _data(vault, "sys/mounts"):
        yield lambda api: api.post(f"/v1/sys/mounts/{KV_MOUNT}", json={"type": "kv", "options": {"version": "2"}})
    if differs(_KV, _config(vault, f"{KV_MOUNT}/config")):
        yield _put_kv
    if f"{AUTH_MOUNT}/" not in _data(vault, "sys/auth"):
        yield lambda api: api.post(f"/v1/sys/auth/{AUTH_MOUNT}", json={"type": "jwt"})
    login = {"jwks_url": jwks_url, "bound_issuer": ISSUER, "jwt_supported_algs": ["RS256", "EdDSA"]}
    # No default role: a job names its own, or gets no token.
    if differs({**login, "default_role": ""}, _config(vault, f"auth/{AUTH_MOUNT}/config")):
        yield lambda api: api.post(f"/v1/auth/{AUTH_MOUNT}/config", json={**login, "default_role": ""})


_KV = {"cas_required": True, "max_versions": 10}


def _put_kv(vault: Api) -> None:
    """Write the KV engine's settings; just mounted, it refuses for a moment."""

    def missing() -> str | None:
        try:
            vault.post(f"/v1/{KV_MOUNT}/config", json=_KV)
        except DeployError as error:
            return error.what
        return None

    wait_until(missing, where="vault", what="the KV engine taking its settings", deadline_s=_UPGRADE_S)


def _audit_changes(vault: Api, state: State) -> Iterator[Change]:
    """Two devices, or one that fails stops Vault. A full disk fails files; what goes to stdout supervisord takes."""
    found = _data(vault, "sys/audit")
    for name, path in (("file", str(state.logs / "vault-audit.log")), ("stdout", "stdout")):
        options = {"file_path": path, "mode": "0600"}
        if differs({"options": options}, found.get(f"{name}/")):
            yield _audit(name, options, is_there=f"{name}/" in found)


def _audit(name: str, options: dict[str, str], *, is_there: bool) -> Change:
    def change(vault: Api) -> None:
        if is_there:  # of another place: the state directory was moved
            vault.delete(f"/v1/sys/audit/{name}")
        vault.put(f"/v1/sys/audit/{name}", json={"type": "file", "options": options})

    return change


def _new_token(vault: Api) -> str:
    body = {"policies": [POLICY], "no_default_policy": True, "period": f"{_PERIOD_S}s", "display_name": "berth"}
    made = vault.post("/v1/auth/token/create-orphan", json=body)
    return str(made["auth"]["client_token"])


def _is_valid(operator: Api) -> bool:
    """Whether the token still works; one that is half-way to its end is renewed."""
    try:
        found = operator.get("/v1/auth/token/lookup-self")
        if found["data"]["ttl"] < _RENEW_BELOW_S:
            operator.post("/v1/auth/token/renew-self")
    except AuthError:
        return False
    return True


def _config(vault: Api, path: str) -> dict[str, Any] | None:
    """Read what may not be there because its mount is not."""
    try:
        return _data(vault, path) or None
    except (AuthError, DeployError):
        return None


def _data(vault: Api, path: str) -> dict[str, Any]:
    answer = vault.get(f"/v1/{path}")
    return {} if answer is None else dict(answer["data"])
