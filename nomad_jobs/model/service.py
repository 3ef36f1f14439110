"""A service: the one place that says what runs. It checks itself when it is built."""

from dataclasses import dataclass
from enum import StrEnum

from nomad_jobs.errors import ConfigError, raise_all
from nomad_jobs.model.faults import faults
from nomad_jobs.model.file import Env, File, Peers
from nomad_jobs.model.network import Check, Port, Route, ScriptCheck
from nomad_jobs.model.runtime import Container, Process
from nomad_jobs.model.secret import Secret, SecretRef
from nomad_jobs.platform import Driver

ROUTING_LAG_S = 3
"""Longest time from leaving Consul to NGINX having reloaded: template wait (max 2 s), render, test, reload."""
ENGINE_SHUTDOWN_S = 10
"""What a process needs to end once its last stream has ended."""


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
    stop_signal: str = "SIGTERM"
    """What tells the process to finish what runs and end."""

    def __post_init__(self) -> None:
        """Check everything that can be checked without the rest of the catalogue."""
        raise_all(ConfigError(f"service {self.name!r}", what) for what in faults(self))

    def shape(self, driver: Driver) -> Container | Process:
        """How it runs with this driver: as a container, or as a process where there is no Docker."""
        return self.container if driver is Driver.DOCKER else self.process

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret it reads, once each, in the order of first use."""
        refs = (
            *(env.value for env in self.env if isinstance(env.value, SecretRef)),
            *(ref for file in self.files for ref in file.refs),
        )
        return tuple(dict.fromkeys(ref.secret for ref in refs))

    @property
    def followed_secrets(self) -> tuple[Secret, ...]:
        """The secrets whose new versions its task takes up while it runs."""
        return tuple(dict.fromkeys(ref.secret for file in self.files if file.follows for ref in file.refs))

    @property
    def uses(self) -> tuple[str, ...]:
        """The services that must be healthy before this one starts."""
        return tuple(part.service for file in self.files for part in file.parts if isinstance(part, Peers))

    @property
    def is_front_door(self) -> bool:
        """Whether it is the ingress, which sees every route and every routed service."""
        return self.pool is Pool.INGRESS

    @property
    def reads_consul(self) -> bool:
        """Whether its templates ask Consul, with the job's own identity."""
        return bool(self.uses) or bool(self.followed_secrets) or self.is_front_door

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

    @property
    def main_port(self) -> str:
        """Label of the routed port, or else of the first."""
        return self.route.port if self.route else self.ports[0].label

    def consul_name(self, label: str) -> str:
        """Name in Consul of the port with this label: the main one bears the service's own."""
        return self.name if label == self.main_port else f"{self.name}-{label}"


def secret_path(secret: Secret, reader: Service) -> str:
    """Path below the namespace: `<owner>/<name>`."""
    return f"{secret.owner or reader.name}/{secret.name}"
