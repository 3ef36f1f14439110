"""Credentials that Vault's engines make and end by themselves: what a service asks for, and never the value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from nomad_jobs.errors import ConfigError
from nomad_jobs.model.bounds import DAY_S, no_name, out_of_range
from nomad_jobs.mounts import AWS_MOUNT, DATABASE_MOUNT

_HOUR_S = 3600
_LEAST_S = 5
_LONGEST_CHAINED_S = _HOUR_S
"""AWS ends a role that another role assumed after an hour, and Vault's servers act with a role."""
_SHORTEST_STS_S = 900
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.@-]{0,61}[A-Za-z0-9_])?")
_GRANT = re.compile(r"(?!GRANT\b)\w[^;]*", re.IGNORECASE)
_NO_GRANT = re.compile(r'"berth-|\{\{|--|/\*')
"""What hides the end of the statement; and the roles to which Berth's services leave what they own."""


def role_name(service: str, name: str) -> str:
    """Name a role or a key in one of Vault's engines; a dot is in no name, so no two services can mean the same one."""
    return f"berth-{service}.{name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """A PostgreSQL in which Vault makes users. It exists already, with a user of Vault's own that may create others."""

    name: str
    """In Vault's configuration."""
    host: str
    """A host that is not this machine's loopback is asked over TLS, with its certificate verified."""
    port: int = 5432
    database: str
    admin: str = "vault"
    """Vault's own user. `berth vault apply` asks for its password once, and Vault changes it at once."""
    ca_file: str = ""
    """File of this repository with the authority (PEM) of its certificate; empty: an authority that systems know."""

    @property
    def is_loopback(self) -> bool:
        """Whether it runs on the machine that asks it."""
        return self.host == "localhost" or self.host.startswith("127.")

    @property
    def address(self) -> str:
        """Where it is, as a URL has it behind user and password."""
        return f"{self.host}:{self.port}/{quote(self.database, safe='')}"

    @property
    def sslmode(self) -> str:
        """What PostgreSQL's clients call how they trust it."""
        return "disable" if self.is_loopback else "verify-full"

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        yield from no_name("database", self.name)
        where = f"database {self.name}"
        yield from out_of_range(f"{where}: port", self.port, 1, 65535)
        if not _HOST.fullmatch(self.host):
            yield f"{where}: host {self.host!r} must be a name or an address alone"
        for what, name in (("database", self.database), ("admin", self.admin)):
            if not name or not name.isprintable():
                yield f"{where}: {what} {name!r} must be a name in PostgreSQL"


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamicDatabase:
    """A user of a database for each instance of the service, with these grants; Vault removes it when its lease ends.

    `grants` are what stands between GRANT and TO: `SELECT ON ALL TABLES IN SCHEMA public`. What the user creates goes
    to the role `berth-<service>` when the user is removed, and later users own it as members of that role.
    """

    database: Database
    grants: tuple[str, ...]
    ttl_s: int = _HOUR_S
    """How long a lease lasts. Nomad renews it meanwhile."""
    max_ttl_s: int = DAY_S
    """After which the user is another one, however often its lease was renewed."""

    fields = ("username", "password")

    def __getitem__(self, field_name: str) -> "CredentialRef":
        """Refer to `["username"]` or `["password"]`; those of one task belong together."""
        return _ref(self, field_name)

    @property
    def name(self) -> str:
        """Name of its role in Vault, behind the service's."""
        return self.database.name

    def path(self, service: str) -> str:
        """Path in Vault at which the service reads it."""
        return f"{DATABASE_MOUNT}/creds/{role_name(service, self.name)}"

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        where = f"dynamic database {self.name}"
        yield from self.database.faults()
        yield from out_of_range(f"{where}: ttl_s", self.ttl_s, _LEAST_S, self.max_ttl_s)
        yield from out_of_range(f"{where}: max_ttl_s", self.max_ttl_s, _LEAST_S, 30 * DAY_S)
        if not self.grants:
            yield f"{where} has no grants, so that its user could do nothing"
        for grant in self.grants:
            if not _GRANT.fullmatch(grant) or _NO_GRANT.search(grant) or not grant.isprintable():
                yield f"{where}: grant {grant!r} must be what stands between GRANT and TO, in one line"


@dataclass(frozen=True, kw_only=True, slots=True)
class StaticDatabase:
    """A user of a database that is there already, and whose password Vault changes from time to time."""

    database: Database
    user: str
    rotation_s: int = DAY_S

    fields = ("username", "password")

    def __getitem__(self, field_name: str) -> "CredentialRef":
        """Refer to `["username"]` or `["password"]`."""
        return _ref(self, field_name)

    @property
    def name(self) -> str:
        """Name of its role in Vault, behind the service's; Vault wants another one than for users that it makes."""
        return f"{self.database.name}.static"

    def path(self, service: str) -> str:
        """Path in Vault at which the service reads it."""
        return f"{DATABASE_MOUNT}/static-creds/{role_name(service, self.name)}"

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        yield from self.database.faults()
        where = f"static database {self.name}"
        yield from out_of_range(f"{where}: rotation_s", self.rotation_s, 5, 365 * DAY_S)
        if not _USER.fullmatch(self.user):
            yield f"{where}: user {self.user!r} must be letters, digits and _ . @ -, at most 63"
        elif self.user == self.database.admin:
            yield f"{where}: user {self.user!r} is Vault's own, who makes and removes all others"


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamicAws:
    """Keys for AWS that open these buckets of the platform, and nothing else, and end within the hour."""

    name: str = "s3"
    buckets: tuple[str, ...]
    """By purpose, as the Platform record names them."""
    writes: bool = False
    """Whether it may also write and delete objects."""
    ttl_s: int = _HOUR_S

    fields = ("access_key", "secret_key", "security_token")

    def __getitem__(self, field_name: str) -> "CredentialRef":
        """Refer to `["access_key"]`, `["secret_key"]` or `["security_token"]`; those of one task belong together."""
        return _ref(self, field_name)

    def path(self, service: str) -> str:
        """Path in Vault at which the service reads it."""
        return f"{AWS_MOUNT}/sts/{role_name(service, self.name)}"

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        where = f"dynamic AWS {self.name}"
        yield from no_name("dynamic AWS", self.name)
        yield from out_of_range(f"{where}: ttl_s", self.ttl_s, _SHORTEST_STS_S, _LONGEST_CHAINED_S)
        if not self.buckets:
            yield f"{where} names no bucket"


Credentials = DynamicDatabase | StaticDatabase | DynamicAws


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """One field of credentials; the node asks Vault for the value, so it is in no jobspec."""

    source: Credentials
    field: str
    quoted: bool = True
    """Whether the node writes it as a JSON string, or unchanged."""

    @property
    def raw(self) -> "CredentialRef":
        """The same field without quotes."""
        return replace(self, quoted=False)


def _ref(source: Credentials, field_name: str) -> CredentialRef:
    if field_name not in source.fields:
        has = ", ".join(source.fields)
        raise ConfigError(f"credentials {source.name}", f"have no field '{field_name}', only {has}")
    return CredentialRef(source, field_name)


VAULT_VARIABLES = frozenset({"VAULT_ADDR", "VAULT_CACERT"})
"""Set for a task that asks Vault itself: its address, and the file of its authority where it speaks TLS."""


@dataclass(frozen=True, slots=True)
class TransitKey:
    """A key of Vault's with which the service encrypts and decrypts; it asks Vault itself, and never sees the key."""

    name: str
