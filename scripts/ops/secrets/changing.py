"""Gives a secret a new version, or pins one, and brings it to what runs."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from infra.holdings.vault import VERSIONS_KEPT
from nomad_jobs.errors import BerthError, ConfigError
from nomad_jobs.model import Service
from scripts.ops.clients.target import Target
from scripts.ops.progress import Progress
from scripts.ops.secrets import history
from scripts.ops.secrets.following import Following
from scripts.ops.secrets.known import Known
from scripts.ops.secrets.running import Running
from scripts.ops.secrets.values import Values
from scripts.ops.secrets.writing import Writer


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """What became of a version."""

    secret: Known
    version: int
    is_held: bool
    """Whether it was only written: no instance gets it before somebody pins it."""
    instances: Sequence[Running]
    """The running instances that use it now."""

    @property
    def to_deploy(self) -> tuple[Service, ...]:
        """The services that a deployment brings it."""
        return () if self.is_held else self.secret.deployed


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One secret of a stack, and how long its instances may take."""

    secret: Known
    target: Target
    progress: Progress
    deadline_s: float

    @property
    def _path(self) -> str:
        return f"{self.target.platform.namespace}/{self.secret.name}"

    def set(self, writer: Writer, values: Values) -> Brought:
        """Write `values` as a new version, end a pin, and bring the version to every instance that follows.

        Raises:
            ChangedError: somebody wrote in between; nothing was changed, or the message says what was.
            DeadlineError, PartialError: it is written; the message says what is not done, and how to go on or back.

        """
        version = writer.write(values)
        following = self._following(version, "newest")
        if writer.before.pinned:
            with following.partly(f"deployments still use version {writer.before.pinned}, which is pinned"):
                self.target.vault.pin(self._path, 0)
            self.progress.note(f"[yellow]![/yellow] the pin to version {writer.before.pinned} has ended")
        return Brought(secret=self.secret, version=version, is_held=False, instances=following.bring())

    def hold(self, writer: Writer, values: Values) -> Brought:
        """Write `values` as a new version that nobody uses yet: what is in use is pinned first.

        Raises:
            ConfigError: Vault would keep the version in use no longer; nothing was changed.
            ChangedError: somebody wrote in between; nothing was changed.

        """
        before = writer.before
        self._refuse_to_lose(before.pinned or before.version, newest=before.version + 1)
        is_new = before.version > 0 and not before.pinned
        if is_new:
            self.target.vault.pin(self._path, before.version)
        try:
            version = writer.write(values)
        except BerthError:
            if is_new:
                with suppress(BerthError):
                    self.target.vault.pin(self._path, 0)
            raise
        return Brought(secret=self.secret, version=version, is_held=True, instances=())

    def pin(self, number: int) -> Brought:
        """Have deployments use version `number` (0: the newest, whichever it is), and bring it to what runs.

        Raises:
            ConfigError: there is no such version, or no service could use it; nothing was changed.
            DeadlineError, PartialError: as `set` does.

        """
        version = self._usable(number)
        self.target.vault.pin(self._path, number)
        following = self._following(version, str(number) if number else "newest")
        return Brought(secret=self.secret, version=version, is_held=False, instances=following.bring())

    def _refuse_to_lose(self, in_use: int, *, newest: int) -> None:
        if 0 < in_use <= newest - VERSIONS_KEPT:
            what = f"version {in_use} is in use, and Vault, which keeps {VERSIONS_KEPT} versions, would lose it"
            again = f"`berth secrets pin {self.secret.name} newest {self.target.platform.stack}`"
            raise ConfigError(f"secret {self.secret.name}", what, f"{again} first, or set it without --hold")

    def _usable(self, number: int) -> int:
        where = f"secret {self.secret.name}"
        kept = history.read(self.target.vault, self._path)
        wanted = number or kept.current
        usable = ", ".join(str(one.number) for one in kept.versions if not one.is_gone(history.now())) or "none"
        row = kept.version(wanted)
        if row is None:
            raise ConfigError(where, f"has no version {wanted or 'at all'}", f"it has {usable}")
        if row.is_gone(history.now()):
            how = "destroyed" if row.is_destroyed else f"deleted by {row.deleted_by}"
            raise ConfigError(where, f"version {wanted} was {how}", f"it has {usable}")
        fields = self.target.vault.version(self._path, wanted).fields
        if missing := [name for name in self.secret.fields if name not in fields]:
            readers = ", ".join(one.service.name for one in self.secret.readers)
            what = f"version {wanted} has no field {', '.join(missing)}, which {readers} reads"
            raise ConfigError(where, what, f"it has {usable}")
        return wanted

    def _following(self, version: int, again: str) -> Following:
        return Following(
            secret=self.secret,
            version=version,
            target=self.target,
            progress=self.progress,
            deadline_s=self.deadline_s,
            again=f"berth secrets pin {self.secret.name} {again} {self.target.platform.stack}",
        )
