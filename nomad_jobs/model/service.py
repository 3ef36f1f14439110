"""A service: the one place that says what runs. It checks itself when it is built."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from nomad_jobs.errors import BerthError, ConfigError, raise_all, single_errors
from nomad_jobs.model.bounds import no_name, out_of_range, single_texts
from nomad_jobs.model.credentials import VAULT_VARIABLES, TransitKey
from nomad_jobs.model.file import Env, File, Peers, place_faults, texts_of
from nomad_jobs.model.interpolation import names_set, word_faults
from nomad_jobs.model.needs import VaultNeeds
from nomad_jobs.model.network import Check, Port, Route, ScriptCheck
from nomad_jobs.model.override import Override
from nomad_jobs.model.pool import Kind, PoolKind
from nomad_jobs.model.runtime import Container, Process
from nomad_jobs.model.size import Size

ROUTING_LAG_S = 3
"""The longest time until NGINX has taken up a change in Consul: template wait (max 2 s), render, test, reload."""
ENGINE_SHUTDOWN_S = 10
"""What a process needs to end after its last stream has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service(VaultNeeds):
    """One thing that runs. Jobs, policies, routes, checks and pictures are views of it.

    Raises:
        ConfigError: (or ManyErrors) a value is one that no platform could run.

    """

    name: str
    summary: str
    container: Container
    """How it runs where the stack's driver is Docker."""
    process: Process | None = None
    """How it runs where there is no Docker; None: there it does not."""
    size: Size = field(default_factory=Size)
    """Production's; a stack that differs has an override."""
    overrides: tuple[Override, ...] = ()
    """At most one for each stack."""
    kind: Kind = Kind.SERVICE
    pool: PoolKind = PoolKind.APP
    ports: tuple[Port, ...]
    checks: tuple[Check, ...]
    script_checks: tuple[ScriptCheck, ...] = ()
    route: Route | None = None
    env: tuple[Env, ...] = ()
    files: tuple[File, ...] = ()
    transit: tuple[TransitKey, ...] = ()
    """Keys with which its task has Vault encrypt and decrypt: it then has a token, at `secrets/vault_token`."""
    healthy_for_s: int = 1
    """How long checks must pass before the next instance is replaced."""
    stop_signal: str = ""
    """The signal at which a program finishes its requests and ends, if its image's STOPSIGNAL is not the right one.

    Leave it empty where the image can say it. Nomad sends this one by itself, and goes on for minutes to send it to a
    container that ended with its Docker daemon; so long a stopped instance keeps its ports.

    A container's first process ignores a signal that it has no handler for, and a shell there passes none on. Such a
    program is killed after the longest request, so what it loses is time, and no request. An init process would end it
    at once, with the requests that run: that is why a container has none.
    """

    def __post_init__(self) -> None:
        raise_all(ConfigError(f"service {self.name!r}", what) for what in _faults(self))
        raise_all(_override_faults(self))

    def on(self, stack: str) -> Self:
        """Give the service as `stack` has it, with every override applied and none left."""
        override = self._override(stack)
        if override is None:
            return replace(self, overrides=())
        return replace(
            self,
            size=override.size_for(self.size),
            container=override.container_for(self.container),
            env=override.env_for(self.env),
            route=override.route_for(self.route),
            overrides=(),
        )

    def is_absent_on(self, stack: str) -> bool:
        """Tell whether its file says that it does not run on `stack`."""
        override = self._override(stack)
        return override is not None and override.absent

    def _override(self, stack: str) -> Override | None:
        return next((one for one in self.overrides if one.stack == stack), None)

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that some stack runs, by tag: production's first."""
        here = [one for one in self.overrides if not one.absent]
        return tuple(dict.fromkeys([self.container.image, *(one.container_for(self.container).image for one in here)]))

    @property
    def uses(self) -> tuple[str, ...]:
        """The services that must be healthy before this one starts."""
        return tuple(part.service for file in self.files for part in file.parts if isinstance(part, Peers))

    @property
    def is_parked(self) -> bool:
        """Whether it has no instance, while its job and its route stay; a system job has one on each node."""
        return self.kind is Kind.SERVICE and not self.size.instances

    @property
    def is_front_door(self) -> bool:
        """Whether it is the ingress, which sees every route and every routed service."""
        return self.pool is PoolKind.INGRESS

    @property
    def reads_consul(self) -> bool:
        """Whether its templates read Consul, with the job's own identity."""
        return bool(self.uses) or bool(self.followed_secrets) or self.is_front_door

    @property
    def vault_name(self) -> str:
        """Name of its role and of its policy in Vault; the prefix marks them as Berth's."""
        return f"berth-{self.name}"

    @property
    def shutdown_delay_s(self) -> int:
        """Seconds from leaving Consul to the stop signal: NGINX must have stopped routing by then."""
        return ROUTING_LAG_S + 1 if self.route or self.kind is Kind.SYSTEM else 0

    @property
    def kill_timeout_s(self) -> int:
        """Seconds from the stop signal to SIGKILL: the longest request, and the process's own end."""
        return (self.route.longest_request_s if self.route else 0) + ENGINE_SHUTDOWN_S

    def port(self, label: str) -> Port:
        """The port with this label."""
        return next(port for port in self.ports if port.label == label)

    @property
    def main_port(self) -> str:
        """Label of the routed port, or else of the first."""
        return self.route.port if self.route else self.ports[0].label

    def consul_name(self, label: str) -> str:
        """Name in Consul of the port with this label: the main port has the service's own name."""
        return self.name if label == self.main_port else f"{self.name}-{label}"


def _faults(service: Service) -> Iterator[str]:
    """Yield every fault that shows without the rest of the catalogue: the service's own, and those of its parts."""
    yield from _name_faults(service)
    yield from _port_faults(service)
    routes = (service.route,) if service.route else ()
    asked = (*service.secrets, *service.credentials)
    for part in (*service.checks, *service.script_checks, *routes, *service.files, *service.env, *asked):
        yield from (*single_texts(part), *part.faults())
    yield from place_faults(service.files)
    yield from _word_faults(service)
    for part in (service.container, service.size, *((service.process,) if service.process else ())):
        yield from (*single_texts(part), *part.faults())
    yield from out_of_range("healthy_for_s", service.healthy_for_s, 0, 3600)
    if not service.summary.isprintable() or not service.summary:
        yield "summary must be one printable line"


def _name_faults(service: Service) -> Iterator[str]:
    named = [("name", service.name), *(("port label", port.label) for port in service.ports)]
    named += [("host", service.route.host)] if service.route else []
    named += [("used service", name) for name in service.uses]
    named += [("transit key", key.name) for key in service.transit]
    for what, name in named:
        yield from no_name(what, name)
    for variable, count in Counter(env.name for env in service.env).items():
        if count > 1:
            yield f"sets environment variable {variable} {count} times: leave one"
    for env in service.env if service.transit else ():
        if env.name in VAULT_VARIABLES:
            yield f"environment variable {env.name} is set by Berth for a service with transit keys"


def _port_faults(service: Service) -> Iterator[str]:
    labels = [port.label for port in service.ports]
    if not labels:
        yield "needs at least one port"
    if len(set(labels)) < len(labels):
        yield f"port labels {', '.join(labels)} must differ"
    for port in service.ports:
        yield from port.faults()
    asked = [check.port for check in service.checks] + ([service.route.port] if service.route else [])
    for label in dict.fromkeys(asked):
        if label not in labels:
            yield f"no port is labelled {label!r}; there is {', '.join(labels) or 'none'}"


def _word_faults(service: Service) -> Iterator[str]:
    container = service.container
    words = [*container.entrypoint, *container.argv, *(service.process.argv if service.process else ())]
    words += [text for env in service.env for text in texts_of(env.value)]
    words += [text for file in service.files for part in file.composed for text in texts_of(part)]
    known = names_set([port.label for port in service.ports], has_gpus=service.size.gpus is not None)
    for word in words:
        yield from word_faults(word, known)


def _override_faults(service: Service) -> Iterator[BerthError]:
    """Yield the faults of each override, with its stack, once the service itself has none."""
    for stack, count in Counter(one.stack for one in service.overrides).items():
        if count > 1:
            yield ConfigError(f"service {service.name!r} on {stack}", f"has {count} overrides", "write one")
    for override in service.overrides:
        where = f"service {service.name!r} on {override.stack}"
        yield from (ConfigError(where, what, fix) for what, fix in _faults_there(service, override))


def _faults_there(service: Service, override: Override) -> Iterator[tuple[str, str]]:
    yield from ((what, "leave one out") for what in override.faults())
    if override.host and service.route is None:
        yield "has a host, but the service has no route", "leave the host out, or give the service a route"
    elif not override.absent:
        try:
            there = service.on(override.stack)
        except BerthError as error:
            yield from ((one.what, one.fix) for one in single_errors(error))
        else:
            if there == replace(service, overrides=()):
                yield "its override changes nothing", "remove it, or write what differs there"
