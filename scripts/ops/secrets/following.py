"""Brings a version of a secret to the instances that run: moves its pin, and waits until each says that it uses it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nomad_jobs.errors import AuthError, BerthError, ChangedError, DeadlineError, PartialError
from scripts.ops.clients.target import Target
from scripts.ops.front_door import front_doors
from scripts.ops.progress import Progress
from scripts.ops.secrets.known import Known
from scripts.ops.secrets.moving import move
from scripts.ops.secrets.running import Running, running
from scripts.ops.waiting import wait_until

_PAUSE_S = 0.5
_NAMED = 3
"""So many instances are named that do not take a version up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """One version of a secret on its way to the instances of a stack that follow it."""

    secret: Known
    version: int
    target: Target
    progress: Progress
    deadline_s: float
    again: str
    """The command that goes on after a failure."""

    def bring(self) -> list[Running]:
        """Move the pin in Consul, and wait until every running instance says that it uses the version; give them.

        Raises:
            ChangedError: somebody gave the secret another value or pin meanwhile, and that is in use.
            DeadlineError: some instance did not within the deadline; the message says which, and what it has.
            PartialError: Consul or Nomad refused or is away; the message says what is done, and how to go on.

        """
        if not self.secret.pin:
            return []
        with self.partly("its pin in Consul was not moved, so running instances keep what they have"):
            target = self.target
            before, in_use = move(self.secret.name, self.secret.pin, target.platform, target.vault, target.consul)
        if in_use != self.version:
            what = f"version {self.version} is in Vault, but somebody set or pinned version {in_use}, and that"
            fix = f"look with `berth secrets get-metadata`; `{self.again}` goes on with yours"
            raise ChangedError(f"secret {self.secret.name}", f"{what} is in use", fix)
        with self.progress.step(self.secret.name, "asking each instance") as step:
            return self._wait(step.says, before)

    @contextmanager
    def partly(self, state: str) -> Iterator[None]:
        """Say of an error what is done already, so that nobody has to guess."""
        try:
            yield
        except BerthError as error:
            login = "log in again; " if isinstance(error, AuthError) else ""
            what = f"version {self.version} is in Vault, but {state}: {error.where}: {error.what}"
            raise PartialError(f"secret {self.secret.name}", what, f"{login}`{self.again}` goes on") from None

    def _wait(self, says: Callable[[str], None], before: str | None) -> list[Running]:
        found: list[Running] = []

        def missing() -> str | None:
            with self.partly("its pin is moved, and whether each instance uses it was not seen"):
                found[:] = running(self.secret.following, self.target.nomad)
            late = list(_late(found, self.secret.name, self.version))
            says(late[0] if late else f"version {self.version} in use by {len(found)} instance(s)")
            more = f"; and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
            return "; ".join(late[:_NAMED]) + more or None

        where, what = f"secret {self.secret.name}", f"version {self.version} in use by every instance"
        try:
            wait_until(missing, where=where, what=what, deadline_s=self.deadline_s, pause_s=_PAUSE_S)
        except DeadlineError as error:
            raise DeadlineError(error.where, error.what, self._way_back(before)) from None
        return found

    def _way_back(self, before: str | None) -> str:
        stack = self.target.platform.stack
        is_other = before not in {None, str(self.version)}
        back = f"; `berth secrets pin {self.secret.name} {before} {stack}` goes back" if is_other else ""
        return f"{self._refusals()}each keeps what it has, and that is valid there{back}"

    def _refusals(self) -> str:
        """Give what NGINX said of a certificate that it does not take."""
        if not any(one.is_front_door for one in self.secret.following):
            return ""
        return "".join(
            f"NGINX on {one.node} said: {one.refused}; " for one in front_doors(self.target.nomad) if one.refused
        )


def _late(found: Sequence[Running], name: str, version: int) -> Iterator[str]:
    for one in found:
        if one.versions.get(name) != version:
            yield f"instance {one.allocation[:8]} of {one.service} on {one.node} {one.has(name)}"
