"""Collects what expires on a stack: secrets, certificates, authorities, tokens, leases; with age, end and readers."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from cryptography import x509

from nginx.render import route_host
from nomad_jobs.errors import AuthError, BerthError
from nomad_jobs.model import Origin, Service
from scripts.ops.clients.target import Target
from scripts.ops.secrets import certificates, handshake, history
from scripts.ops.secrets.history import moment
from scripts.ops.secrets.known import Known

WARN_DAYS = (1, 7, 30)
_SHORT = dt.timedelta(days=90)
"""What lasts for less is renewed by itself again and again: its end is near only in the last third of its time."""
_ENGINES = ("aws", "consul", "database", "nomad")
"""Whose credentials have leases."""
_BY_VAULT = "made by Vault for an hour; it ends with the Vault token"


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """One thing that may expire."""

    kind: str
    name: str
    begun: dt.datetime | None = None
    """When it was written or issued; None: unknown."""
    ends: dt.datetime | None = None
    """When it expires; None: never, or unknown, as `note` says."""
    readers: tuple[str, ...] = ()
    note: str = ""
    lasts: dt.timedelta | None = None
    """From its last renewal to its end; None: it lasts from `begun` to `ends`."""
    is_replaced: bool = False
    """Whether its reader has the next one by then, so that its end is no warning."""

    def days_left(self, now: dt.datetime) -> float | None:
        """Days until it expires, negative afterwards; None: it has no end that can be seen."""
        return None if self.ends is None else (self.ends - now).total_seconds() / 86400

    def warning(self, now: dt.datetime) -> str:
        """Say how near the end is: `expired`, or within one, seven or thirty days; empty: further away."""
        if self.ends is not None and self.ends <= now and not self.is_replaced:
            return "expired"
        return next((f"within {days} d" for days in WARN_DAYS if self.is_near(days, now)), "")

    def is_near(self, days: float, now: dt.datetime) -> bool:
        """Whether it ends within so many days, and nothing that works as it should renews it before."""
        left = self.days_left(now)
        if self.is_replaced or self.ends is None or left is None or left > days:
            return False
        lasts = self.lasts or (self.ends - self.begun if self.begun else _SHORT)
        return lasts >= _SHORT or self.ends - now <= lasts / 3


def soon(rows: Sequence[Expiry], days: float, now: dt.datetime) -> list[Expiry]:
    """Pick those that end within so many days, or did already."""
    return [one for one in rows if one.is_near(days, now)]


def collect(
    secrets: Mapping[str, Known], services: Sequence[Service], target: Target, authorities: Sequence[Path]
) -> list[Expiry]:
    """Collect what this token can see, the nearest end first; `authorities` are files with certificates."""
    rows = [
        *(row for one in secrets.values() for row in _secret(one, target)),
        *_front_door(services, target),
        *_servers(target),
        *(row for path in authorities for row in _authority(path)),
        *_tokens(target),
        *_leases(target),
    ]
    return sorted(rows, key=lambda one: (one.ends is None, one.ends or history.now(), one.kind, one.name))


def _secret(secret: Known, target: Target) -> Iterator[Expiry]:
    path = f"{target.platform.namespace}/{secret.name}"
    kept = history.read(target.vault, path)
    in_use, readers = kept.in_use, tuple(one.service.name for one in secret.readers)
    if in_use is None:
        if kept.pinned:
            note = f"version {kept.pinned}, which is pinned, is not in Vault any more"
            yield Expiry(kind="secret", name=secret.name, readers=readers, note=note)
        return
    what = ", was destroyed" if in_use.is_destroyed else ", is deleted then" if in_use.deleted_at else ""
    note = f"version {in_use.number}{what}"
    yield Expiry(kind="secret", name=secret.name, begun=in_use.at, ends=in_use.deleted_at, readers=readers, note=note)
    if secret.origin is Origin.CERTIFICATE and not in_use.is_gone(history.now()):
        yield _from_vault(secret, path, in_use.number, readers, target)


def _from_vault(secret: Known, path: str, version: int, readers: tuple[str, ...], target: Target) -> Expiry:
    try:
        text = str(target.vault.secret_at(path, version).get("certificate", ""))
    except AuthError:
        note = "this token may not read it; see the front door's"
        return Expiry(kind="certificate", name=secret.name, readers=readers, note=note)
    found = certificates.leaf(text)
    if found is None:
        return Expiry(kind="certificate", name=secret.name, readers=readers, note="holds no PEM certificate")
    return _certificate("certificate", secret.name, found, readers)


def _front_door(services: Sequence[Service], target: Target) -> Iterator[Expiry]:
    """What the front door presents for the first route: it has one certificate for all of them."""
    platform = target.platform
    routed = [one for one in services if one.route]
    for one in routed[:1]:
        host = route_host(one, platform)
        found = handshake.presented(platform.entry, platform.https_port, host)
        yield _seen(f"front door at {platform.entry}:{platform.https_port}", found, ("every route",))


def _servers(target: Target) -> Iterator[Expiry]:
    platform = target.platform
    for name, url in (("Nomad", platform.nomad_url), ("Consul", platform.consul_url), ("Vault", platform.vault_url)):
        if url.startswith("https:"):
            yield _seen(f"{name} at {url}", handshake.presented_at(url), ())


def _authority(path: Path) -> Iterator[Expiry]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        yield Expiry(kind="authority", name=str(path), note="cannot be read as PEM certificates")
        return
    for one in found:
        yield _certificate("authority", one.subject.rfc4514_string(), one, ())


def _tokens(target: Target) -> Iterator[Expiry]:
    own = target.vault.own_token()
    name = f"Vault's, {own.get('display_name') or 'without a name'}"
    note = "renewable" if own.get("renewable") else "cannot be renewed"
    begun = dt.datetime.fromtimestamp(own["creation_time"], dt.UTC)
    ends, lasts = moment(own.get("expire_time") or ""), dt.timedelta(seconds=own.get("creation_ttl") or 0)
    yield Expiry(kind="token", name=name, begun=begun, ends=ends, note=note, lasts=lasts or None)
    by_vault = "" if target.platform.is_laptop else _BY_VAULT
    for where, ask in (("Nomad", target.nomad.own_token), ("Consul", target.consul.own_token)):
        try:
            row = ask()
        except BerthError as error:
            yield Expiry(kind="token", name=f"{where}'s", note=f"not seen: {error.what}")
            continue
        ends = moment(str(row.get("ExpirationTime") or ""))
        name = f"{where}'s, {row.get('Name') or row.get('Description') or row.get('AccessorID', 'anonymous')}"
        yield Expiry(kind="token", name=name, begun=moment(str(row.get("CreateTime") or "")), ends=ends, note=by_vault)


def _leases(target: Target) -> Iterator[Expiry]:
    """List what Vault's engines made, by role: its tasks and people have the next ones before these end."""
    try:
        found = [one for engine in _ENGINES for one in target.vault.leases(f"{engine}/")]
    except AuthError:
        yield Expiry(kind="leases", name="of other tokens", note="operators and auditors may see them")
        return
    for path, same in groupby(sorted(found, key=_role_path), key=_role_path):
        yield _lease(path, list(same))
    stuck = target.vault.irrevocable_leases()
    yield Expiry(kind="leases", name="that Vault cannot revoke", note="not seen" if stuck is None else f"{stuck}")


def _role_path(lease: Mapping[str, Any]) -> str:
    return str(lease["id"]).rpartition("/")[0]


def _lease(path: str, same: Sequence[Mapping[str, Any]]) -> Expiry:
    begun = [when for one in same if (when := moment(one["issue_time"]))]
    ends = [when for one in same if (when := moment(one["expire_time"] or ""))]
    reader = path.rpartition("/")[2].removeprefix("berth-").partition(".")[0]
    return Expiry(
        kind="lease",
        name=path,
        begun=min(begun, default=None),
        ends=min(ends, default=None),
        readers=(reader,),
        note=f"{len(same)} of them" if len(same) > 1 else "",
        is_replaced=True,
    )


def _seen(name: str, found: x509.Certificate | str, readers: tuple[str, ...]) -> Expiry:
    if isinstance(found, str):
        return Expiry(kind="certificate", name=name, readers=readers, note=f"not seen: {found}")
    return _certificate("certificate", name, found, readers)


def _certificate(kind: str, name: str, found: x509.Certificate, readers: tuple[str, ...]) -> Expiry:
    begun, ends = found.not_valid_before_utc, found.not_valid_after_utc
    return Expiry(kind=kind, name=name, begun=begun, ends=ends, readers=readers)
