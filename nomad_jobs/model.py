"""The vocabulary of the catalogue: a service, and what it needs. Frozen values that check themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from nomad_jobs.errors import ConfigError, raise_all

ROUTING_LAG_S = 3
"""Longest time from leaving Consul to NGINX having reloaded: template wait (max 2 s), render, test, reload."""
ENGINE_SHUTDOWN_S = 10
"""What a process needs to end once its last stream has ended."""
PORT_MIN = 1024
"""Ports below are the kernel's and the ingress nodes'; a container never needs one."""

NAME = re.compile(r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")
_ENV_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_RELATIVE = re.compile(r"^(local|secrets)/[A-Za-z0-9._/-]+$")


class Kind(StrEnum):
    """How many instances, and where (Nomad's job types)."""

    SERVICE = "service"
    """As many as asked for, where they fit."""
    SYSTEM = "system"
    """One on every node of its pool."""


class Pool(StrEnum):
    """What kind of machine a service runs on; the platform says which node pool that is."""

    APP = "app"
    GPU = "gpu"
    INGRESS = "ingress"


class Origin(StrEnum):
    """Where the first value of a secret comes from on a laptop; in the cloud `berth secrets set` gives it."""

    TOKEN = "token"  # noqa: S105 - a kind of secret, not one
    """Random text, made by Berth."""
    CERTIFICATE = "certificate"
    """A TLS certificate and its key for the stack's domain, signed by the laptop's own authority."""
    OPERATOR = "operator"
    """Somebody else's (a registry's password, say): random text stands in for it on a laptop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """One entry of Vault's KV store, at `<namespace>/<owner>/<name>`, read with the job's own identity."""

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


@dataclass(frozen=True, slots=True)
class Peers:
    """The healthy instances of another service, as a JSON list of `{address, port}`, kept current by Consul."""

    service: str


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file of this repository."""

    path: str


Part = str | SecretRef | Peers | Source
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
    """Whether the text is a Consul template of ours rather than plain data."""
    on_change: OnChange = OnChange.NOOP
    script: tuple[str, ...] = ()
    """Argv of a program, run in the task's folder, that makes the task take up the change."""

    @property
    def refs(self) -> tuple[SecretRef, ...]:
        """The secret fields in it."""
        return tuple(part for part in self.parts if isinstance(part, SecretRef))


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A named port. Nomad chooses the host's port; only NGINX has fixed ones, which the platform names."""

    label: str = "http"
    container: int
    """What the process listens on inside its container."""
    platform_field: str = ""
    """Field of the Platform record with the fixed port of the host; empty: Nomad chooses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Consul's question to an instance; it is routed to only while the answer is good."""

    port: str = "http"
    path: str = "/health"
    protocol: str = "http"
    """`http`, `https` (the certificate is not verified: it is the instance's own) or `tcp`."""
    interval_s: int = 2
    timeout_s: int = 2

    @property
    def title(self) -> str:
        """Its name in Consul, such as `http GET /health`."""
        return f"{self.port} {self.protocol}" + ("" if self.protocol == "tcp" else f" {self.path}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptCheck:
    """A check that Nomad runs inside the task, so that it may use the task's secrets."""

    name: str
    shell: str
    """A `sh` command; it reads the task's variables itself, as `$NOMAD_PORT_http`. Nomad must not interpolate it
    (`${…}`): it would do so twice, once without the task's own variables, and then not know its own check again."""
    interval_s: int = 5
    timeout_s: int = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A request that a user would make: shown after `berth up`, and asked of NGINX after every deployment."""

    path: str = "/"
    json: Any = None
    """Body of a POST; None makes it a GET."""
    bearer: SecretRef | None = None
    expect: str = ""
    """Text that a good answer contains."""

    @property
    def method(self) -> str:
        """GET, or POST when there is a body."""
        return "GET" if self.json is None else "POST"


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """How the world reaches a service: `https://<host>.<domain>/` through NGINX."""

    host: str
    port: str = "http"
    longest_request_s: int = 30
    """Longest answer, streams included: NGINX waits, and a stopping instance is left, this long."""
    max_body_mb: int = 1
    sample: Sample = field(default_factory=Sample)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryLogin:
    """Credentials for a private registry, from Vault."""

    username: SecretRef
    password: SecretRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpus:
    """GPUs for each instance."""

    count: int
    model: str = ""
    """Part of the device's model name, such as `H200`; empty: any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    argv: tuple[str, ...] = ()
    instances: int = 1
    gpus: Gpus | None = None
    cpu_mhz: int = 100
    memory_mb: int = 128
    shm_mb: int = 0
    """Shared memory, through which tensor-parallel workers talk; 0: Docker's own default."""
    starts_within_s: int = 60
    """From placed to healthy: weights take minutes to load."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container(_Shape):
    """How a service runs from an image: the cloud. Nomad interpolates `${NOMAD_…}` in `argv`."""

    image: str
    """By tag; `images.lock` pins the digest."""
    login: RegistryLogin | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Process(_Shape):
    """How the same service runs without Docker: the laptop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Env:
    """An environment variable: text, or a secret field."""

    name: str
    value: str | SecretRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One thing that runs. Jobs, policies, routes, checks and pictures are views of it.

    Raises:
        ConfigError: (or ManyErrors) when built with values that no platform could run.

    """

    name: str
    summary: str
    container: Container
    process: Process
    kind: Kind = Kind.SERVICE
    pool: Pool = Pool.APP
    ports: tuple[Port, ...]
    checks: tuple[Check, ...]
    script_checks: tuple[ScriptCheck, ...] = ()
    route: Route | None = None
    env: tuple[Env, ...] = ()
    files: tuple[File, ...] = ()
    healthy_for_s: int = 1
    """How long checks must pass before the next instance is replaced."""

    def __post_init__(self) -> None:
        """Check everything that can be checked without the rest of the catalogue."""
        raise_all(ConfigError(f"service {self.name!r}", what) for what in _faults(self))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret it reads, once each, in the order of first use."""
        login = self.container.login
        refs = (
            *(env.value for env in self.env if isinstance(env.value, SecretRef)),
            *(ref for file in self.files for ref in file.refs),
            *((login.username, login.password) if login else ()),
        )
        return tuple(dict.fromkeys(ref.secret for ref in refs))

    @property
    def uses(self) -> tuple[str, ...]:
        """The services that must be healthy before this one starts."""
        return tuple(part.service for file in self.files for part in file.parts if isinstance(part, Peers))

    @property
    def follows_routes(self) -> bool:
        """Whether it is the front door, which sees every route and every routed service."""
        return self.pool is Pool.INGRESS

    @property
    def reads_consul(self) -> bool:
        """Whether its templates ask Consul, with the job's own identity."""
        return bool(self.uses) or self.follows_routes

    @property
    def vault_name(self) -> str:
        """Name of its role and of its policy in Vault; the prefix marks them as Berth's."""
        return f"berth-{self.name}"

    @property
    def shutdown_delay_s(self) -> int:
        """From leaving Consul to SIGTERM: NGINX must have stopped routing by then."""
        return ROUTING_LAG_S + 1 if self.route or self.kind is Kind.SYSTEM else 0

    @property
    def kill_timeout_s(self) -> int:
        """From SIGTERM to SIGKILL: the longest request, and the engine's own shutdown."""
        return (self.route.longest_request_s if self.route else 0) + ENGINE_SHUTDOWN_S

    def port(self, label: str) -> Port:
        """The port with this label."""
        return next(port for port in self.ports if port.label == label)

    def consul_name(self, label: str) -> str:
        """Name in Consul of the port with this label: the routed (or first) one bears the service's own."""
        main = self.route.port if self.route else self.ports[0].label
        return self.name if label == main else f"{self.name}-{label}"


def secret_path(secret: Secret, reader: Service) -> str:
    """Path below the namespace: `<owner>/<name>`."""
    return f"{secret.owner or reader.name}/{secret.name}"


def _faults(service: Service) -> Iterator[str]:
    yield from _name_faults(service)
    yield from _port_faults(service)
    if not service.summary.isprintable() or not service.summary:
        yield "summary must be one printable line"
    for shape in (service.container, service.process):
        if shape.instances < 1 or shape.cpu_mhz < 1 or shape.memory_mb < 1:
            yield "instances, cpu_mhz and memory_mb must be at least 1"
        if shape.gpus and shape.gpus.count < 1:
            yield "gpus.count must be at least 1; leave gpus out for none"
    for file in service.files:
        if not _RELATIVE.match(file.path) or ".." in file.path:
            yield f"file {file.path!r} must be under local/ or secrets/"
        if file.refs and not file.path.startswith("secrets/"):
            yield f"file {file.path!r} holds a secret, so it must be under secrets/"
    for script in service.script_checks:
        if "${" in script.shell:
            yield f"script check '{script.name}' must say $NAME, not ${{NAME}}: Nomad would interpolate it"
    for env in service.env:
        if not _ENV_NAME.match(env.name):
            yield f"environment variable {env.name!r} must be letters, digits and _"


def _name_faults(service: Service) -> Iterator[str]:
    named = [("name", service.name), *(("port label", port.label) for port in service.ports)]
    named += [("host", service.route.host)] if service.route else []
    for secret in service.secrets:
        named += [("secret", secret.name), *(("secret owner", part) for part in [secret.owner] if part)]
        named += [("secret field", name.replace("_", "-")) for name in secret.fields]
    named += [("used service", name) for name in service.uses]
    for what, name in named:
        if not NAME.match(name):
            yield f"{what} {name!r} must be lower-case letters, digits and dashes, starting with a letter"


def _port_faults(service: Service) -> Iterator[str]:
    labels = [port.label for port in service.ports]
    if not labels:
        yield "needs at least one port"
    if len(set(labels)) < len(labels):
        yield f"port labels {', '.join(labels)} must differ"
    for port in service.ports:
        if not PORT_MIN <= port.container <= 65535:  # noqa: PLR2004 - TCP's last port
            yield f"port {port.label} is {port.container}, but must be {PORT_MIN} to 65535"
    asked = [check.port for check in service.checks] + ([service.route.port] if service.route else [])
    for label in dict.fromkeys(asked):
        if label not in labels:
            yield f"no port is labelled {label!r}; there is {', '.join(labels) or 'none'}"
    for check in service.checks:
        if check.protocol not in {"http", "https", "tcp"}:
            yield f"check protocol {check.protocol!r} must be http, https or tcp"
        if not check.path.startswith("/"):
            yield f"check path {check.path!r} must start with /"
