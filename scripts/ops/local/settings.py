"""Settings of a local platform: how many nodes, and which ports. `berth up` remembers them."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Any, Self

from infra.network.ports import BY_NAME
from nomad_jobs.errors import BerthError, ConfigError, raise_all
from scripts.ops import docker_daemon
from scripts.ops.toolchain.system_packages import FOR_CONTAINERS, FOR_PROCESSES

GPUS_PER_NODE = 8
PORTS_PER_NODE = 500
"""Each node has a range of `dynamic` ports of its own, since all tasks share 127.0.0.1."""
MAX_NODES = (BY_NAME["dynamic"].last - BY_NAME["dynamic"].first) // PORTS_PER_NODE

_FROM_TABLE = (
    "nomad_http",
    "nomad_rpc",
    "nomad_serf",
    "consul_rpc",
    "consul_serf",
    "consul_http",
    "vault_api",
    "vault_cluster",
    "dynamic",
)
DEFAULTS: Mapping[str, int] = MappingProxyType(
    {
        **{name: BY_NAME[name].first for name in _FROM_TABLE},
        "http": 8080,  # 80 and 443 are root's
        "https": 8443,
        "aws": 4566,  # moto: only a laptop has it
        "registry": 5050,  # only where containers are on
    }
)
"""The ports of a local platform by name; `dynamic` is the first of `nodes` times PORTS_PER_NODE."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """An engine that a minimal Vault lacks: Vault's names for the plugin, and the program that holds it."""

    name: str
    kind: str
    plugin: str
    program: str


ENGINES: Mapping[str, Engine] = MappingProxyType(
    {
        name: Engine(name=name, kind=kind, plugin=plugin, program=program)
        for name, kind, plugin, program in (
            ("aws", "secret", "aws", "vault-plugin-secrets-aws"),
            ("consul", "secret", "consul", "vault-plugin-secrets-consul"),
            ("nomad", "secret", "nomad", "vault-plugin-secrets-nomad"),
            ("postgresql", "database", "postgresql-database-plugin", "vault-plugin-database-postgresql"),
        )
    }
)
"""What `berth up --engine` takes. Vault's `database` engine itself is in every build."""

_NETWORK = re.compile(r"[a-z][a-z0-9-]{0,14}")  # Linux's limit for the name of a bridge
_LAST_PORT = 65535
_FIRST_PORT = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Containers:
    """That services run as containers, and where: in a Docker network of the platform's own."""

    daemon: str = docker_daemon.DEFAULT
    """Docker's daemon on this machine, as DOCKER_HOST names it."""
    network: str = "berth"
    """Name of the Docker network, and of its bridge on this machine."""
    subnet: str = "10.213.0.0/24"

    @property
    def address(self) -> str:
        """This machine's own address in the network: services are published there, and the registry answers there."""
        return str(next(IPv4Network(self.subnet).hosts()))

    def faults(self) -> Iterable[str]:
        """Yield what is wrong with it, one line each."""
        if not _NETWORK.fullmatch(self.network):
            yield f"the containers' network {self.network!r} must be up to 15 lower-case letters, digits and -"
        try:
            IPv4Network(self.subnet)
        except ValueError as error:
            yield f"the containers' subnet {error}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How many Nomad clients, the ports that differ from the defaults, and what was asked for beside them."""

    nodes: int = 1
    ports: Mapping[str, int] = field(default_factory=dict)
    engines: tuple[str, ...] = ()
    containers: Containers | None = None
    """None: services run as processes."""

    def __post_init__(self) -> None:
        raise_all(ConfigError("local platform", what, "see `berth up --help`") for what in _faults(self))

    def port(self, name: str) -> int:
        """The number of the port with this name."""
        return self.ports.get(name, DEFAULTS[name])

    def with_changes(self, *, nodes: int | None = None, ports: Mapping[str, int] | None = None) -> Self:
        """Copy the settings with what is given changed."""
        return replace(self, nodes=nodes or self.nodes, ports={**self.ports, **(ports or {})})

    def with_engines(self, more: Iterable[str], without: Iterable[str]) -> Self:
        """Copy the settings with some engines added, and others forgotten."""
        return replace(self, engines=tuple(sorted({*self.engines, *more} - set(without))))

    @property
    def listening(self) -> Mapping[str, int]:
        """The fixed ports that this platform listens on, by name."""
        unused = {"dynamic"} if self.containers else {"dynamic", "registry"}
        return {name: self.port(name) for name in DEFAULTS if name not in unused}

    @property
    def packages(self) -> tuple[str, ...]:
        """The system's programs that this platform runs."""
        return FOR_CONTAINERS if self.containers else FOR_PROCESSES

    @property
    def registry(self) -> str:
        """Address and port of the registry; only where containers are on."""
        return f"{(self.containers or Containers()).address}:{self.port('registry')}"

    @property
    def consul_url(self) -> str:
        """Consul's API."""
        return f"http://127.0.0.1:{self.port('consul_http')}"

    @property
    def vault_url(self) -> str:
        """Vault's API."""
        return f"http://127.0.0.1:{self.port('vault_api')}"

    @property
    def nomad_url(self) -> str:
        """Nomad's API, on its server."""
        return f"http://127.0.0.1:{self.port('nomad_http')}"

    @property
    def aws_url(self) -> str:
        """The API of moto, which stands in for AWS."""
        return f"http://127.0.0.1:{self.port('aws')}"

    def to_json(self) -> str:
        """Write the settings as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: `text` is not what `to_json` writes.

        """
        try:
            read = json.loads(text)
            return cls(
                nodes=read["nodes"],
                ports={str(name): int(port) for name, port in read["ports"].items()},
                engines=_listed(read.get("engines", [])),  # an older berth wrote none
                containers=_containers(read.get("containers")),
            )
        except (ValueError, KeyError, TypeError, AttributeError, BerthError) as error:
            fix = "repair it, or remove it to go back to one node on the usual ports"
            raise ConfigError(where, f"cannot be read: {error}", fix) from None


def _listed(engines: object) -> tuple[str, ...]:
    if not isinstance(engines, list):
        raise TypeError(f"engines is {engines!r}, but must be a list")
    return tuple(map(str, engines))


def _containers(read: Any) -> Containers | None:
    return None if read is None else Containers(**{name: str(value) for name, value in read.items()})


def parse_ports(pairs: Iterable[str]) -> dict[str, int]:
    """Read `name=number` pairs.

    Raises:
        ConfigError: an entry is no such pair; all of them are named.

    """
    ports: dict[str, int] = {}
    errors: list[BerthError] = []
    for pair in pairs:
        name, _, number = pair.partition("=")
        if number.isascii() and number.isdigit():
            ports[name.strip()] = int(number)
        else:
            errors.append(ConfigError(f"--port {pair}", "must be name=number", "for example --port nomad_http=14646"))
    raise_all(errors)
    return ports


def _faults(settings: Settings) -> Iterable[str]:
    if not 1 <= settings.nodes <= MAX_NODES:
        yield f"nodes is {settings.nodes}, but must be 1 to {MAX_NODES}"
    for name in settings.engines:
        if name not in ENGINES:
            yield f"there is no engine {name!r}; there are {', '.join(ENGINES)}"
    for name, number in settings.ports.items():
        if name not in DEFAULTS:
            yield f"there is no port {name!r}; there are {', '.join(DEFAULTS)}"
        if not _FIRST_PORT <= number <= _LAST_PORT:
            yield f"port {name} is {number}, but must be {_FIRST_PORT} to {_LAST_PORT}"
    yield from settings.containers.faults() if settings.containers else ()
    yield from _clashes({**DEFAULTS, **settings.ports}, settings.nodes)


def _clashes(ports: Mapping[str, int], nodes: int) -> Iterable[str]:
    seen: dict[int, str] = {}
    first = ports["dynamic"]
    last = first + nodes * PORTS_PER_NODE - 1
    if last > _LAST_PORT:
        yield f"dynamic ports {first} to {last} end beyond {_LAST_PORT}"
    for name, number in ports.items():
        if number in seen:
            yield f"ports {seen[number]} and {name} are both {number}"
        if name != "dynamic" and first <= number <= last:
            yield f"port {name} ({number}) lies among the dynamic ports {first} to {last}"
        seen[number] = name
