"""Checks services against each other and against the platform: pure, and every fault is found in one pass."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from nomad_jobs.errors import BerthError, ConfigError, raise_all
from nomad_jobs.images import Pins, pinned
from nomad_jobs.model import ENGINE_SHUTDOWN_S, Service
from nomad_jobs.platform import Driver, NodePool, Platform
from nomad_jobs.render import kill_timeout_s

_LONGEST_HOST = 253
"""DNS's longest name."""
_MOST_LABELS = 7
"""What the front door's template takes; a test holds the two together."""

Pools = Mapping[Literal["app", "gpu", "ingress"], NodePool]
"""The node pool of each kind of pool."""


def check(services: Sequence[Service], platform: Platform, images: Pins) -> None:
    """Refuse a catalogue that cannot run on `platform`.

    Raises:
        ConfigError: (or ManyErrors) one line for each fault.

    """
    raise_all(faults(services, platform, images))


def faults(services: Sequence[Service], platform: Platform, images: Pins) -> Iterator[BerthError]:
    """Yield every fault that `check` would raise."""
    yield from _pair_faults(services)
    yield from _platform_faults(services, platform)
    yield from _pin_faults(services, platform, images)


def deploy_order(services: Sequence[Service]) -> tuple[tuple[Service, ...], ...]:
    """Group services in waves: a service uses only services of earlier waves; each wave keeps the catalogue's order.

    A used service that is not among `services` counts as running already.

    Raises:
        ConfigError: services need each other in a circle.

    """
    waves: list[tuple[Service, ...]] = []
    left = list(services)
    ready = {name for service in services for name in service.uses} - {service.name for service in services}
    while left:
        wave = tuple(service for service in left if ready.issuperset(service.uses))
        if not wave:
            names = ", ".join(service.name for service in left)
            raise ConfigError("catalogue", f"{names} need each other in a circle", "one must not use the next")
        waves.append(wave)
        ready |= {service.name for service in wave}
        left = [service for service in left if service not in wave]
    return tuple(waves)


def _pair_faults(services: Sequence[Service]) -> Iterator[BerthError]:
    yield from _duplicates("service name", [service.name for service in services])
    yield from _duplicates("route host", [service.route.host for service in services if service.route])
    in_consul = [service.consul_name(port.label) for service in services for port in service.ports]
    yield from _duplicates("name in Consul", in_consul)
    names = {service.name for service in services}
    for service in services:
        for used in service.uses:
            if used not in names:
                yield ConfigError(f"service '{service.name}'", f"uses '{used}', which is not in the catalogue")


def mixed_up(services: Sequence[Service]) -> Iterator[BerthError]:
    """Yield services that Nomad before 1.10.2 could mix up: it told identities apart by the beginning of a job's id."""
    names = sorted({service.name for service in services})
    for shorter in names:
        if longer := [name for name in names if name.startswith(shorter) and name != shorter]:
            what = f"is the beginning of '{longer[0]}', and this Nomad tells identities apart by beginnings"
            yield ConfigError(f"service '{shorter}'", what, "run Nomad 1.10.2 or newer (CVE-2025-4922), or rename one")


def _duplicates(what: str, values: list[str]) -> Iterator[BerthError]:
    for value, count in Counter(values).items():
        if count > 1:
            yield ConfigError("catalogue", f"{count} services have the {what} '{value}'", "each must have its own")


def _platform_faults(services: Sequence[Service], platform: Platform) -> Iterator[BerthError]:
    yield from pool_faults(services, platform.pools, stack=platform.stack, driver=platform.driver)
    for service in services:
        host = f"{service.route.host}.{platform.domain}" if service.route else ""
        if len(host) > _LONGEST_HOST or host.count(".") >= _MOST_LABELS:
            what = f"has the host {host}, which is longer than {_LONGEST_HOST} letters or {_MOST_LABELS} names"
            yield ConfigError(f"service '{service.name}'", what, "choose a shorter host or domain")
        if kill_timeout_s(service, platform) > platform.max_kill_timeout_s:
            longest = platform.max_kill_timeout_s - ENGINE_SHUTDOWN_S
            what = f"needs {service.kill_timeout_s} s to stop, but nodes allow {platform.max_kill_timeout_s} s"
            yield ConfigError(f"service '{service.name}'", what, f"set longest_request_s to {longest} or less")


def pool_faults(services: Sequence[Service], pools: Pools, *, stack: str, driver: Driver) -> Iterator[BerthError]:
    """Yield a fault for each service whose pool the stack lacks, or whose pool lacks the GPUs or their model."""
    for service in services:
        where = f"service '{service.name}'"
        pool = pools.get(service.pool.value)
        if pool is None:
            has = ", ".join(sorted(pools))
            yield ConfigError(where, f"runs on the {service.pool} pool, but stack {stack} has only {has}")
            continue
        shape = service.shape(driver)
        if not shape.gpus or not shape.instances:
            continue
        if shape.gpus.count > pool.gpus_per_node:
            what = f"asks for {shape.gpus.count} GPUs, but a node of pool '{pool.name}' has {pool.gpus_per_node}"
            yield ConfigError(where, what, "ask for fewer, or add a pool that has them")
        elif not shape.gpus.fits(pool.gpu_model):
            what = (
                f"asks for {shape.gpus.model} GPUs, but pool '{pool.name}' has {pool.gpu_model or 'none with a name'}"
            )
            yield ConfigError(where, what)


def _pin_faults(services: Sequence[Service], platform: Platform, images: Pins) -> Iterator[BerthError]:
    for service in services if platform.is_cloud else ():
        try:
            pinned(service.container.image, images, service.name)
        except BerthError as error:
            yield error
