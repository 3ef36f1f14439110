"""References to secrets: what a service reads from Vault, and never the value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import Protocol

from nomad_jobs.errors import ConfigError, raise_all
from nomad_jobs.model.bounds import no_name, single_texts

_FIELD_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?")


class Origin(StrEnum):
    """Where the first value of a secret comes from on a laptop; in the cloud somebody writes it."""

    TOKEN = auto()
    """Random text, which Berth makes."""
    CERTIFICATE = auto()
    """A TLS certificate and its key for all routed hosts, signed by the laptop's own authority."""
    OPERATOR = auto()
    """A value that somebody else gives, such as a registry's password; on a laptop random text stands in for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """One entry of Vault's KV store, at `<namespace>/<owner>/<name>`, read with the job's own identity.

    A field's value is text. Any other value stands unchanged in a JSON or YAML file; a variable, or a file that takes
    the field raw, gets its JSON, and there `null` is an error. Berth does not deploy a version without the field.
    """

    name: str
    fields: tuple[str, ...] = ("value",)
    owner: str = ""
    """The service whose path holds it; empty: the service that names it."""
    origin: Origin = Origin.TOKEN

    def __getitem__(self, field_name: str) -> "SecretRef":
        """Refer to one field: `secret["password"]`."""
        raise_all(ConfigError(f"secret {self.name}", what) for what in single_texts(self))
        if field_name not in self.fields:
            raise ConfigError(f"secret {self.name}", f"has no field '{field_name}', only {', '.join(self.fields)}")
        return SecretRef(self, field_name)

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        yield from no_name("secret", self.name)
        yield from no_name("secret owner", self.owner) if self.owner else ()
        for name in self.fields:
            if not _FIELD_NAME.fullmatch(name):
                yield f"secret field {name!r} must be letters, digits and _ . - between them"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """One field of a secret; the node fetches the value, so it is in no jobspec."""

    secret: Secret
    field: str
    quoted: bool = True
    """Whether the node writes it as a JSON string, for JSON, YAML and environment files, or unchanged, as PEM needs."""

    @property
    def raw(self) -> "SecretRef":
        """The same field without quotes: the node writes its text unchanged."""
        return replace(self, quoted=False)


class Reader(Protocol):
    """Who reads secrets: a service."""

    @property
    def name(self) -> str:
        """Its name, which is the owner of secrets that name none."""


def secret_path(secret: Secret, reader: Reader) -> str:
    """Path below the namespace: `<owner>/<name>`."""
    return f"{secret.owner or reader.name}/{secret.name}"
