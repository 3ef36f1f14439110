"""Connects Vault to a database, once, with a password that nobody knows afterwards."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from nomad_jobs.errors import BerthError
from scripts.ops.clients.api import Api

Ask = Callable[[str], str]
"""Asks a person for something that is not shown; what it asks for is the argument."""

_DETAILS = ("connection_url", "username", "username_template", "password_authentication", "tls_ca")
_OF_THE_LOGIN = ("connection_url", "username")
"""Where these differ, Vault's password is another one."""


def shown(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give what Vault shows of a connection in the form in which it is written; None where there is none."""
    if found is None:
        return None
    flat = {**found, **{name: found["connection_details"].get(name) for name in _DETAILS}}
    return {name: flat.get(name) for name in wanted} | {"allowed_roles": sorted(found.get("allowed_roles") or ())}


def wanted(body: Mapping[str, Any], found: Mapping[str, Any] | None, *, whole: bool) -> Mapping[str, Any]:
    """Give the connection that is wanted: where these are not all services, the others keep their roles."""
    others = () if whole or found is None else found["allowed_roles"]
    return {**body, "allowed_roles": sorted({*body["allowed_roles"], *others})}


def connect(path: str, before: str, after: str, vault: Api, ask: Ask) -> None:
    """Write the connection at `path`; `before` and `after` are as `differences` shows them.

    No role may use a connection whose password has not been changed: where a crash comes between, the next run sees
    that none may, and changes the password again.

    Raises:
        BerthError: Vault does not reach the database, or is refused there; with what it says.

    """
    old, new = json.loads(before or "{}"), json.loads(after)
    name = path.rpartition("/")[2]
    if any(old.get(field) != new[field] for field in _OF_THE_LOGIN):
        password = ask(f"the password of {new['username']} in the database {name}")
        _tried(vault, path, {**new, "allowed_roles": [], "password": password}, name)
        old = {}
    if not old.get("allowed_roles"):
        _tried(vault, f"{path.partition('/')[0]}/rotate-root/{name}", {}, name)
    vault.post(f"/v1/{path}", json={**new, "verify_connection": False})


def _tried(vault: Api, path: str, body: Mapping[str, Any], name: str) -> None:
    try:
        vault.post(f"/v1/{path}", json=dict(body))
    except BerthError as error:
        fix = "see whether it runs, and whether its user and password are right; then run this again"
        raise type(error)(f"database {name}", f"Vault cannot connect: {error.what}", fix) from None
