"""Collects what there is of each secret: its versions, its readers, and what every running instance really has."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nomad_jobs.errors import AuthError
from nomad_jobs.keys import versions_prefix
from nomad_jobs.model import Service
from scripts.ops.clients.target import Target
from scripts.ops.clients.vault import Vault
from scripts.ops.secrets import history
from scripts.ops.secrets.history import History
from scripts.ops.secrets.known import Known
from scripts.ops.secrets.running import Running, running


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One secret, as the catalogue, Vault, Consul and the instances have it."""

    secret: Known
    history: History
    fields: frozenset[str]
    """Those of the version in use."""
    followed: str | None
    """The version in Consul that running instances follow; None: none is there, or it may not be read."""
    instances: tuple[Running, ...] | None
    """The running instances that read it; None: this token may not ask them."""

    @property
    def wanted(self) -> int:
        """The version that deployments use; 0: there is none."""
        return self.history.pinned or self.history.current

    def problems(self) -> Iterator[str]:
        """Say what is not as it should be, one line each."""
        in_use = self.history.in_use
        if in_use is None or in_use.is_gone(history.now()):
            yield from self._lacking()
        elif missing := [name for name in self.secret.fields if name not in self.fields]:
            yield f"version {self.wanted} has no field {', '.join(missing)}"
        if self.history.pinned not in {0, self.history.current}:
            yield f"pinned to version {self.history.pinned}, and the newest is {self.history.current}"
        if self.followed not in {None, str(self.wanted)}:
            yield f"running instances follow version {self.followed}, not {self.wanted}"
        yield from self._behind()

    def _lacking(self) -> Iterator[str]:
        if self.wanted:
            yield f"version {self.wanted} was deleted or destroyed"
        elif self.secret.is_known:
            yield "has no value"

    def _behind(self) -> Iterator[str]:
        for one in self.instances or ():
            has = one.versions.get(self.secret.name)
            if has != self.wanted:
                how = self._brought(one, has) if has else ""
                yield f"instance {one.allocation[:8]} of {one.service} {one.has(self.secret.name)}{how}"

    def _brought(self, instance: Running, has: int) -> str:
        """Say what is wanted instead, and that a new instance would wait for ever for a version that is gone."""
        if instance.service not in {one.name for one in self.secret.deployed}:
            return f", not {self.wanted}"
        kept = self.history.version(has)
        if kept is None or kept.is_gone(history.now()):
            return f", not {self.wanted}, and Vault has that no more: none can take its place before `berth deploy`"
        return f", not {self.wanted}, which a deployment brings"

    def has(self) -> str:
        """Count which versions the instances have, a line each: `2 of v3`, `1 of v2!`, where that is not wanted."""
        if self.instances is None:
            return "-"
        counts = Counter(one.versions.get(self.secret.name, 0) for one in self.instances)
        return "\n".join(self._counted(counts)) or "none"

    def _counted(self, counts: Mapping[int, int]) -> Iterator[str]:
        for version in sorted(counts, reverse=True):
            said = f"v{version}" if version else "v?"
            yield f"{counts[version]} of {said}{'' if version == self.wanted else '!'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """Every secret of a stack, and what could not be seen of it."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def inventory(secrets: Mapping[str, Known], services: Sequence[Service], target: Target) -> Inventory:
    """Collect `secrets`, which are the catalogue's, and those in Vault that no service reads."""
    folder = f"{target.platform.namespace}/"
    others = [path.removeprefix(folder) for path in target.vault.paths(folder)]
    all_secrets = [*secrets.values(), *(Known(name=one, is_known=False) for one in others if one not in secrets)]
    found, notes = _instances(services, target)
    pins, no_pins = _pins(target)
    entries = tuple(entry(one, target, found, pins) for one in all_secrets)
    return Inventory(entries=entries, notes=(*notes, *no_pins))


def one_entry(secret: Known, target: Target) -> Inventory:
    """Collect one secret."""
    found, notes = _instances([one.service for one in secret.readers], target)
    pins, no_pins = _pins(target)
    return Inventory(entries=(entry(secret, target, found, pins),), notes=(*notes, *no_pins))


def entry(secret: Known, target: Target, found: Sequence[Running] | None, pins: Mapping[str, str]) -> Entry:
    """Put together what is known of one secret; `found` are the instances, or None where they may not be asked."""
    path = f"{target.platform.namespace}/{secret.name}"
    kept = history.read(target.vault, path)
    readers = {one.service.name for one in secret.readers}
    wanted = kept.pinned or kept.current
    return Entry(
        secret=secret,
        history=kept,
        fields=_fields(target.vault, path, wanted),
        followed=pins.get(secret.pin),
        instances=None if found is None else tuple(one for one in found if one.service in readers),
    )


def _fields(vault: Vault, path: str, version: int) -> frozenset[str]:
    return vault.version(path, version).fields if version else frozenset()


def _instances(services: Sequence[Service], target: Target) -> tuple[list[Running] | None, list[str]]:
    try:
        return running(services, target.nomad), []
    except AuthError:
        return None, ["this token may not read files of instances in Nomad, so what each has is not shown"]


def _pins(target: Target) -> tuple[Mapping[str, str], list[str]]:
    try:
        return target.consul.keys(f"{versions_prefix(target.platform.stack)}/"), []
    except AuthError:
        return {}, ["this token may not read Consul, so which version instances follow is not shown"]
