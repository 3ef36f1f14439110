"""Files and environment variables that Nomad gives a task, and their parts. Each yields its own faults."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import PurePosixPath
from posixpath import normpath

from nomad_jobs.model.composed import Composed, Field
from nomad_jobs.model.credentials import CredentialRef, Credentials
from nomad_jobs.model.interpolation import SET_BY_BERTH
from nomad_jobs.model.secret import Secret, SecretRef

_RELATIVE = re.compile(r"(local|secrets)/[A-Za-z0-9._/-]+")
_PLACE = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._-]+)+")
_TAKEN = tuple(f"/{name}" for name in ("proc", "sys", "dev", "local", "secrets", "alloc", "tmp"))
"""What Docker and Nomad put into each container, with all that is below."""
VARIABLES = "secrets/env"
"""The file of those variables that the node looks up."""
VAULT_CA = "secrets/vault_ca.pem"
"""The authority of Vault's certificate, for a task that asks Vault itself."""
_TOLD = "local/versions-"
TOLD_PINNED = f"{_TOLD}pinned.json"
"""Where a task tells the versions of the secrets that it read when it began, by path; no value is in it."""
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Peers:
    """The healthy instances of another service, as a JSON list of `{address, port}`, kept current by Consul."""

    service: str


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file of this repository."""

    path: str


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of the file's own secrets that the node read, as JSON by path: `{"chat/api-key": 3}`.

    The process that reads the file writes them to `File.told_at` once it uses its values; Nomad serves that.
    """


Part = str | SecretRef | CredentialRef | Composed | Versions | Peers | Source
"""What a file is made of: text that is written unchanged, or something that the node looks up."""


class OnChange(StrEnum):
    """What Nomad does with the task when a file changes under it."""

    NOOP = "noop"
    SCRIPT = "script"
    RESTART = "restart"
    """The instance starts anew, for credentials that end; a new version of a secret is a rollout instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file that Nomad writes into the task: to `local/`, or to `secrets/` (kept in memory) if it holds a secret."""

    path: str
    parts: tuple[Part, ...]
    is_template: bool = False
    """Whether the file is a Consul template of ours rather than plain data; it can then hold text only."""
    is_reread: bool = False
    """Whether the process itself reads the file again when it changes."""
    on_change: OnChange = OnChange.NOOP
    script: tuple[str, ...] = ()
    """Argv of a program, run in the task's folder, that makes the task take up the change."""
    mounted_at: str = ""
    """Where a container sees the file as well, read-only, such as `/etc/app/config.yml`; nowhere else if empty.

    A process has it at `path` alone: where a service runs as both, its processes' argv must name that. The mount goes
    on showing what the file was when the container started, so a file that may change has none.
    """

    @property
    def follows(self) -> bool:
        """Whether its task takes up a change while it runs; Consul then holds the versions of its secrets."""
        return self.is_reread or self.on_change is OnChange.SCRIPT

    @property
    def told_at(self) -> str:
        """Where a task that follows the file tells the versions that it uses; the stem is that of the file's name."""
        return f"{_TOLD}{PurePosixPath(self.path).stem}.json"

    @property
    def refs(self) -> tuple[SecretRef, ...]:
        """The secret fields in it."""
        return tuple(field for field in self._fields if isinstance(field, SecretRef))

    @property
    def credentials(self) -> tuple[Credentials, ...]:
        """The credentials in it, which end."""
        return tuple(field.source for field in self._fields if isinstance(field, CredentialRef))

    @property
    def composed(self) -> tuple[Composed, ...]:
        """The texts in it that are composed on the node."""
        return tuple(part for part in self.parts if isinstance(part, Composed))

    @property
    def has_peers(self) -> bool:
        """Whether it names instances of another service."""
        return any(isinstance(part, Peers) for part in self.parts)

    @property
    def _fields(self) -> tuple[Field, ...]:
        return tuple(field for part in self.parts for field in fields_of(part))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets in it, once each."""
        return tuple(dict.fromkeys(ref.secret for ref in self.refs))

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        if not _RELATIVE.fullmatch(self.path) or ".." in self.path:
            yield f"file {self.path!r} must be under local/ or secrets/"
        elif normpath(self.path) in {VARIABLES, VAULT_CA, "secrets/vault_token"}:
            yield f"file {self.path!r} is where Berth or Nomad writes its own: choose another name"
        elif normpath(self.path).startswith(_TOLD):
            yield f"file {self.path!r} is where a task tells which versions of its secrets it uses: choose another name"
        if self._fields and not self.path.startswith("secrets/"):
            yield f"file {self.path!r} holds a secret, so it must be under secrets/"
        if self.is_template and not all(isinstance(part, str | Source) for part in self.parts):
            yield f"file {self.path!r} is a template, so it can hold text only: no secret and no peers"
        if self.credentials and not self.follows and self.on_change is not OnChange.RESTART:
            how = "set is_reread=True, a script, or on_change=OnChange.RESTART"
            yield f"file {self.path!r} holds credentials that end, and its task takes up no others: {how}"
        if self.on_change is OnChange.RESTART and not self.credentials:
            yield f"file {self.path!r} restarts its task, but holds no credentials that end: leave on_change out"
        if self.mounted_at:
            yield from self._mount_faults()

    def _mount_faults(self) -> Iterator[str]:
        where = f"file {self.path!r} is mounted at {self.mounted_at!r}"
        if not _PLACE.fullmatch(self.mounted_at):
            yield f"{where}, which must be a whole path such as /etc/app/config.yml, without . .. and // in it"
        elif taken := [place for place in _TAKEN if is_at_or_below(self.mounted_at, place)]:
            yield f"{where}, but {taken[0]} is Docker's or Nomad's own"
        if self.follows or self.is_template or self.has_peers or self.credentials:
            yield f"{where}, where its container would not see it change: leave mounted_at out, and read {self.path}"


def fields_of(part: object) -> tuple[Field, ...]:
    """Give what the node looks up in Vault for a part of a file, or for a variable's value."""
    match part:
        case SecretRef() | CredentialRef():
            return (part,)
        case Composed():
            return part.fields
        case _:
            return ()


def texts_of(value: object) -> tuple[str, ...]:
    """Give the plain texts in a variable's value, in which the node fills in `${NOMAD_…}`."""
    if isinstance(value, Composed):
        return tuple(piece for piece in value.pieces if isinstance(piece, str))
    return (value,) if isinstance(value, str) else ()


def place_faults(files: Sequence[File]) -> Iterator[str]:
    """Yield the places that two of a task's files want, or that one file wants as the folder of another."""
    for followed, beside in combinations([file for file in files if file.follows and file.refs], 2):
        if followed.told_at == beside.told_at:
            yield f"follows {followed.path} and {beside.path}, and would tell their versions in one file: rename one"
    for places in ([normpath(file.path) for file in files], [file.mounted_at for file in files if file.mounted_at]):
        for one, other in combinations(sorted(places), 2):
            if one == other:
                yield f"has two files at {one}"
            elif is_at_or_below(other, one):
                yield f"has a file at {one}, and another one below it at {other}"


def is_at_or_below(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or in it."""
    return path == folder or path.startswith(f"{folder}/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Env:
    """An environment variable: text, a secret field, or a text with fields in it.

    Where credentials that end are in one, Nomad restarts the instance to give it the next ones.

    Whoever may ask a node's Docker daemon reads a container's variables. A secret in a `File` is not shown there.
    """

    name: str
    value: str | SecretRef | CredentialRef | Composed

    @property
    def refs(self) -> tuple[SecretRef, ...]:
        """The secret fields in it."""
        return tuple(field for field in fields_of(self.value) if isinstance(field, SecretRef))

    @property
    def credentials(self) -> tuple[Credentials, ...]:
        """The credentials in it, which end."""
        return tuple(field.source for field in fields_of(self.value) if isinstance(field, CredentialRef))

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        if not _ENV_NAME.fullmatch(self.name):
            yield f"environment variable {self.name!r} must be letters, digits and _"
        if self.name in SET_BY_BERTH or self.name.startswith("NOMAD_"):
            yield f"environment variable {self.name} is set by Nomad or Berth"
