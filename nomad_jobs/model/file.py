"""Files and variables that Nomad gives a task, and what they are made of."""

from dataclasses import dataclass
from enum import StrEnum

from nomad_jobs.model.secret import Secret, SecretRef


@dataclass(frozen=True, slots=True)
class Peers:
    """The healthy instances of another service, as a JSON list of `{address, port}`, kept current by Consul."""

    service: str


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file of this repository."""

    path: str


@dataclass(frozen=True, slots=True)
class Version:
    """The number of the version of a secret that was read."""

    secret: Secret


Part = str | SecretRef | Version | Peers | Source
"""What a file is made of: text taken as it is, or something looked up on the node."""


class OnChange(StrEnum):
    """What Nomad does with the task when a file changes under it."""

    NOOP = "noop"
    SCRIPT = "script"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file that Nomad writes into the task: under `local/`, or `secrets/` (kept in memory) if it holds any."""

    path: str
    parts: tuple[Part, ...]
    is_template: bool = False
    """Whether the text, and it may be nothing but text, is a Consul template of ours rather than plain data."""
    on_change: OnChange = OnChange.NOOP
    script: tuple[str, ...] = ()
    """Argv of a program, run in the task's folder, that makes the task take up the change."""

    @property
    def follows(self) -> bool:
        """Whether its task takes up a change while it runs: the versions of its secrets are then kept in Consul."""
        return self.on_change is not OnChange.NOOP

    @property
    def refs(self) -> tuple[SecretRef, ...]:
        """The secret fields in it."""
        return tuple(part for part in self.parts if isinstance(part, SecretRef))


@dataclass(frozen=True, kw_only=True, slots=True)
class Env:
    """An environment variable: text, or a secret field."""

    name: str
    value: str | SecretRef
