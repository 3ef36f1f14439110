"""Finds which logins of a stack's Vault differ from its settings, and writes and removes them with a root token."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.holdings import logins as holdings
from infra.holdings.entry import Entry, differs, find, hold
from nomad_jobs.errors import AuthError
from nomad_jobs.logins import Logins
from nomad_jobs.platform import Platform
from scripts.ops.access.differences import Difference, Kind
from scripts.ops.clients.api import Api
from vault_policies import holders


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginChanges:
    """What differs: entries to write, paths to delete, and both as people read them."""

    entries: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()
    shown: tuple[Difference, ...] = ()

    @property
    def needs_client_secret(self) -> bool:
        """Whether the OIDC client's secret must be given, since its configuration is written anew."""
        return any(entry.at == holdings.OIDC_CONFIG for entry in self.entries)


def changes(vault: Api, platform: Platform, keys: Sequence[str], *, new_client_secret: bool = False) -> LoginChanges:
    """Compare the logins with the Platform record; `keys` are those of GitLab (PEM), empty if they are not known.

    With `new_client_secret` the OIDC configuration is written though it does not differ: Vault shows no secret.
    """
    wanted = list(_wanted(platform, keys))
    found = [(entry, find(vault, entry)) for entry in wanted]
    differing = [
        (entry, there)
        for entry, there in found
        if differs(entry.body, there) or (new_client_secret and entry.at == holdings.OIDC_CONFIG)
    ]
    removed = tuple(_stale(vault, platform.logins, {entry.make for entry in wanted}))
    shown = [_shown(entry, there) for entry, there in differing]
    gone = [Difference(kind=Kind.VAULT_LOGIN, name=path, before="there", after="") for path in removed]
    return LoginChanges(entries=tuple(entry for entry, _ in differing), removed=removed, shown=(*shown, *gone))


def write(as_root: Api, found: LoginChanges, client_secret: str) -> None:
    """Write and remove what differs; the secret is in no entry, so that none can show it."""
    for entry in found.entries:
        if entry.at == holdings.OIDC_CONFIG:
            as_root.write(entry.method, entry.make, {**entry.body, holdings.HIDDEN_FIELD: client_secret})
        else:
            hold(as_root, entry)
    for path in found.removed:
        as_root.delete(f"/v1/{path}")


def _wanted(platform: Platform, keys: Sequence[str]) -> Iterator[Entry]:
    logins = platform.logins
    if logins.iam_roles:
        yield from holdings.by_iam(logins.iam_roles, platform.region, platform.stack)
    if logins.people is not None:
        people = logins.people
        yield from holdings.by_oidc(
            people.issuer, people.client_id, people.groups_claim, people.groups, platform.vault_url
        )
    if logins.pipelines is not None:
        project = logins.pipelines
        yield from holdings.by_gitlab(platform.vault_url, project.project_id, project.branch, project.environment)
        if keys:
            yield holdings.gitlab_keys(project.issuer, keys)


def _stale(vault: Api, logins: Logins, wanted: set[str]) -> Iterator[str]:
    """Find what an earlier setting has left: whoever is no longer named must not log in any more."""
    methods = (vault.read("sys/auth") or {}).get("data") or {}
    for mount, is_named in ((holdings.OIDC, logins.people), (holdings.GITLAB, logins.pipelines)):
        is_ours = methods.get(f"{mount}/", {}).get("description") == holdings.MADE_BY
        if is_ours and is_named is None:
            yield f"sys/auth/{mount}"
        elif is_ours:
            yield from _roles(vault, mount, wanted)
    if logins.iam_roles:  # the account may have more roles of its own there
        yield from (path for path in _roles(vault, "aws", wanted) if path.rpartition("/")[2] in holders.ACTING)


def _roles(vault: Api, mount: str, wanted: set[str]) -> Iterator[str]:
    try:
        listed = vault.get(f"/v1/auth/{mount}/role", list="true") or {}
    except AuthError:  # whoever may not see logins sees none to remove
        return
    paths = (f"auth/{mount}/role/{name}" for name in listed.get("data", {}).get("keys", ()))
    yield from (path for path in paths if path not in wanted)


def _shown(entry: Entry, there: Mapping[str, Any] | None) -> Difference:
    """Show the fields that are wanted, and what they are now; none of them is secret."""
    now = "" if there is None else _text({name: there.get(name) for name in entry.body})
    return Difference(kind=Kind.VAULT_LOGIN, name=entry.make, before=now, after=_text(entry.body))


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=2, sort_keys=True)
