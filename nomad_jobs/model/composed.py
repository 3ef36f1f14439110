"""Texts that the node composes from fields, such as the URL of a database with its user and password."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nomad_jobs.errors import ConfigError
from nomad_jobs.model.credentials import CredentialRef, DynamicDatabase, StaticDatabase
from nomad_jobs.model.secret import SecretRef

Field = SecretRef | CredentialRef
"""What the node looks up in Vault."""
_NAMED = re.compile(r"\{([A-Za-z_]\w*)\}")
_TOKEN = re.compile(r"\$\{(?:NOMAD|BERTH)_\w*\}|\{\{|\}\}|\{[A-Za-z_]\w*\}|[{}]|[^{}$]+|\$")


@dataclass(frozen=True, slots=True)
class Composed:
    """A text with fields in it; a field that is not `.raw` is percent-encoded. Written by `composed`."""

    pieces: tuple[str | Field, ...]
    quoted: bool = True
    """Whether the node writes the whole as a JSON string, or unchanged."""

    @property
    def raw(self) -> "Composed":
        """The same text without quotes."""
        return replace(self, quoted=False)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields in it."""
        return tuple(piece for piece in self.pieces if not isinstance(piece, str))


def composed(text: str, /, **fields: Field) -> Composed:
    """Compose a value: `composed("redis://:{password}@10.0.0.5:6379", password=CACHE["password"])`.

    Each field is percent-encoded (RFC 3986), so that any value fits into any part of a URL; a field that is `.raw` is
    written unchanged. The node fills in `${NOMAD_…}` and `${BERTH_…}`. Any other brace is doubled.

    Raises:
        ConfigError: a name in the text is no field, or a field has no place in the text.

    """
    where = f"composed {text!r}"
    pieces: list[str | Field] = []
    for token in _TOKEN.findall(text):
        if token in {"{", "}"}:
            raise ConfigError(where, f"has a single {token}", "name a field in braces, or double a brace that is text")
        if name := _NAMED.fullmatch(token):
            if name[1] not in fields:
                raise ConfigError(where, f"names '{name[1]}', but its fields are {', '.join(fields) or 'none'}")
            pieces.append(fields[name[1]])
        else:
            pieces.append(token[0] if token in {"{{", "}}"} else token)
    if unused := [name for name, field in fields.items() if field not in pieces]:
        raise ConfigError(where, f"has no place for {', '.join(unused)}", "name it in braces")
    return Composed(tuple(_joined(pieces)))


def database_url(user: DynamicDatabase | StaticDatabase, *, authority: str = "system") -> Composed:
    """Compose the URL that PostgreSQL's clients take; its connections bear the names of the service and the instance.

    `authority` is the file, in the task, of the authority of the database's certificate. `system` asks libpq 16 or
    newer to trust those that the image knows.
    """
    database = user.database
    trusts = "" if database.is_loopback else f"&sslrootcert={authority}"
    named = "application_name=${NOMAD_JOB_ID}-${NOMAD_SHORT_ALLOC_ID}"
    where = f"@{database.address}?sslmode={database.sslmode}{trusts}&{named}"
    return Composed(("postgresql://", user["username"], ":", user["password"], where))


def _joined(pieces: Iterable[str | Field]) -> Iterator[str | Field]:
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        else:
            yield from (text, piece) if text else (piece,)
            text = ""
    if text:
        yield text
