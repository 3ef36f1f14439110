"""Writes a new version of a secret under check-and-set, and finds out after a lost answer whether it was written."""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nginx.render import route_host
from nomad_jobs.errors import (
    AuthError,
    ChangedError,
    ConfigError,
    DeadlineError,
    RefusedError,
    UnansweredError,
    raise_all,
)
from nomad_jobs.model import Origin, Service
from nomad_jobs.platform import Platform
from scripts.ops.clients.vault import SecretVersion, Vault
from scripts.ops.secrets import certificates, history
from scripts.ops.secrets.history import now
from scripts.ops.secrets.known import Known
from scripts.ops.secrets.values import Values
from scripts.ops.waiting import wait_until

_BACK_S = 20.0
"""How long a Vault that gave no answer is waited for: it restarts, or another server takes over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """One secret, as it was looked at before anybody was asked for a value."""

    secret: Known
    path: str
    before: SecretVersion
    vault: Vault

    @classmethod
    def of(cls, secret: Known, platform: Platform, vault: Vault) -> "Writer":
        """Look at the secret: its newest version is the one that a write must follow."""
        path = f"{platform.namespace}/{secret.name}"
        return cls(secret=secret, path=path, before=vault.newest(path), vault=vault)

    def write(self, values: Values) -> int:
        """Write the values as a new version, and give its number.

        Raises:
            ChangedError: somebody wrote in between; nothing was overwritten, and the message says who and when.
            UnansweredError: (or DeadlineError) Vault is away; the message says whether anything was written.

        """
        keep = self.before.is_there
        try:
            return self.vault.write(self.path, values.by_field, after_version=self.before.version, keep=keep)
        except ChangedError:
            raise self._changed() from None
        except (UnansweredError, DeadlineError) as lost:
            said = lost.what
        return self._after_a_lost_answer(values, said, keep=keep)

    def _after_a_lost_answer(self, values: Values, said: str, *, keep: bool) -> int:
        """Write again: check-and-set refuses it if the first one was written, and then the values tell whose it is."""
        self._await_vault(said)
        mine = self.before.version + 1
        try:
            return self.vault.write(self.path, values.by_field, after_version=self.before.version, keep=keep)
        except ChangedError:
            if _same(values.by_field, self.vault.secret_at(self.path, mine)):
                return mine
            raise self._changed() from None

    def _await_vault(self, said: str) -> None:
        last = said

        def missing() -> str | None:
            nonlocal last
            try:
                self.vault.newest(self.path)
            except (UnansweredError, DeadlineError, RefusedError) as error:
                last = error.what
                return last
            return None

        try:
            wait_until(missing, where="Vault", what="an answer", deadline_s=_BACK_S)
        except (DeadlineError, AuthError) as error:
            why = error.what if isinstance(error, AuthError) else last
            fix = "look with `berth secrets get-metadata` when Vault answers again, and set it again if it was not"
            what = f"whether a new version was written is unknown: {why}. What ran before runs on"
            raise UnansweredError(f"secret {self.secret.name}", what, fix) from None

    def _changed(self) -> ChangedError:
        newest = history.read(self.vault, self.path).newest
        did = "the secret was removed"
        if newest and newest.is_gone(now()):
            did = f"{newest.deleted_by or 'somebody'} deleted version {newest.number}"
        elif newest:
            did = f"{newest.by} wrote version {newest.number} {newest.age(now())} ago"
        what = f"{did}, after version {self.before.version} was looked at; nothing was overwritten"
        fix = "look with `berth secrets get-metadata`, and set it again if yours is to follow"
        return ChangedError(f"secret {self.secret.name}", what, fix)


def refuse_faults(
    writer: Writer, values: Values, services: Sequence[Service], platform: Platform, *, unknown: bool
) -> None:
    """Refuse values that no reader could use; `services` are all of the stack, whose hosts a certificate covers.

    With `unknown`, fields that no service reads are taken too.

    Raises:
        ConfigError: (or ManyErrors) one line for each fault; nothing was written.

    """
    where = f"secret {writer.secret.name}"
    given = values.by_field
    strange = [] if unknown else [name for name in given if name not in writer.secret.fields]
    fix = f"it has {', '.join(writer.secret.fields)}; `--unknown` takes any field"
    raise_all(ConfigError(where, f"no service reads a field {name}", fix) for name in strange)
    raise_all(ConfigError(where, *fault) for fault in _faults(writer, given, services, platform))


def _faults(
    writer: Writer, given: Mapping[str, str], services: Sequence[Service], platform: Platform
) -> Iterator[tuple[str, str]]:
    secret, before = writer.secret, writer.before
    lacking = [name for name in secret.fields if name not in given and not (before.is_there and name in before.fields)]
    if lacking:
        yield f"lacks {', '.join(lacking)}, and {_why_not_kept(before)}", "give all fields at once"
    if before.pinned not in {0, before.version} and any(name not in given for name in before.fields):
        what = f"is pinned to version {before.pinned}, and what is not given would come from version {before.version}"
        yield what, f"give all fields, or first `berth secrets pin {secret.name} newest {platform.stack}`"
    if secret.origin is Origin.CERTIFICATE and not lacking:
        yield from _certificate_faults(given, services, platform)


def _why_not_kept(before: SecretVersion) -> str:
    if before.is_there:
        return "no earlier version has it"
    return f"version {before.version} was deleted with what it had" if before.version else "there is no version yet"


def _certificate_faults(
    given: Mapping[str, str], services: Sequence[Service], platform: Platform
) -> Iterator[tuple[str, str]]:
    if {"certificate", "private_key"} - given.keys():
        yield "a certificate and its key are set together", "add the other with --from-file"
        return
    hosts = [route_host(one, platform) for one in services if one.route]
    for what in certificates.faults(given["certificate"], given["private_key"], hosts, now()):
        yield what, ""


def _same(wanted: Mapping[str, str], found: Mapping[str, object]) -> bool:
    return all(hmac.compare_digest(value.encode(), str(found.get(name)).encode()) for name, value in wanted.items())
