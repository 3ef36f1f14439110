"""References to secrets: what a service reads from Vault, and never the value."""

from dataclasses import dataclass, replace
from enum import StrEnum

from nomad_jobs.errors import ConfigError


class Origin(StrEnum):
    """Where the first value of a secret comes from on a laptop; in the cloud `berth secrets set` gives it."""

    TOKEN = "token"  # noqa: S105 - a kind of secret, not one
    """Random text, made by Berth."""
    CERTIFICATE = "certificate"
    """A TLS certificate and its key for all routed hosts, signed by the laptop's own authority."""
    OPERATOR = "operator"
    """Somebody else's (a registry's password, say): random text stands in for it on a laptop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """One entry of Vault's KV store, at `<namespace>/<owner>/<name>`, read with the job's own identity.

    A field's value is text. Where it is anything else, a JSON or YAML file gets it as it is; a variable, or text that
    is not quoted, gets its JSON, and there `null` is an error. A version without the field is not deployed.
    """

    name: str
    fields: tuple[str, ...] = ("value",)
    owner: str = ""
    """The service whose path holds it; empty: the service that names it."""
    origin: Origin = Origin.TOKEN

    def __getitem__(self, field_name: str) -> "SecretRef":
        """Refer to one field: `secret["password"]`."""
        if field_name not in self.fields:
            raise ConfigError(f"secret {self.name}", f"has no field '{field_name}', only {', '.join(self.fields)}")
        return SecretRef(self, field_name)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """One field of a secret; the node fetches the value, so it is in no jobspec."""

    secret: Secret
    field: str
    quoted: bool = True
    """Written as a JSON string (fit for JSON, YAML and environment files); False: as it is, such as PEM."""

    @property
    def as_it_is(self) -> "SecretRef":
        """The same field, unquoted: the whole of a file."""
        return replace(self, quoted=False)
