"""Checks services against each other, on every stack, and against a platform: pure, every fault in one pass."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from nomad_jobs.errors import BerthError, ConfigError, raise_all
from nomad_jobs.images import Pins, pinned
from nomad_jobs.model import ENGINE_SHUTDOWN_S, Database, DynamicAws, Gpus, Service, StaticDatabase
from nomad_jobs.platform import LOCAL, WORKLOAD_BUCKETS, NodePool, Platform
from nomad_jobs.render import kill_timeout_s
from nomad_jobs.resolve import resolve

_LONGEST_HOST = 253
"""DNS's longest name."""
_MOST_LABELS = 7
"""What the front door's template takes; a test holds the two together."""

_AWS_FIX = "run `berth infra up` to make its role for services"

Pools = Mapping[Literal["app", "gpu", "ingress"], NodePool]
"""The node pool of each kind of pool."""


def check(services: Sequence[Service], platform: Platform, images: Pins, stacks: Sequence[str] = ()) -> None:
    """Refuse a catalogue that cannot run on `platform`, or whose services do not agree on one of the `stacks`.

    Raises:
        ConfigError: (or ManyErrors) one line for each fault.

    """
    raise_all(faults(services, platform, images, stacks))


def faults(
    services: Sequence[Service], platform: Platform, images: Pins, stacks: Sequence[str] = ()
) -> Iterator[BerthError]:
    """Yield every fault that `check` would raise; `services` are as their files have them.

    `stacks` are all that have a file; without any, no stack but the platform's own is looked at.
    """
    known = tuple(dict.fromkeys((LOCAL, *stacks, platform.stack))) if stacks else (platform.stack,)
    yield from _unknown_stacks(services, known) if stacks else ()
    yield from _faults_of_stacks(services, known)
    here = resolve(services, platform.stack, platform.driver).services
    yield from _platform_faults(here, platform)
    yield from _pin_faults(here, platform, images)


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


def _unknown_stacks(services: Sequence[Service], known: Sequence[str]) -> Iterator[BerthError]:
    for service in services:
        for override in service.overrides:
            if override.stack not in known:
                what = f"has an override for stack '{override.stack}', which does not exist"
                fix = f"there is {', '.join(known)}; each but {LOCAL} has a Pulumi.<stack>.yaml"
                yield ConfigError(f"service '{service.name}'", what, fix)


def _faults_of_stacks(services: Sequence[Service], stacks: Sequence[str]) -> Iterator[BerthError]:
    """Yield what services do not agree on: once where it is so on all `stacks`, else with each stack."""
    found = {stack: {str(error): error for error in _pair_faults(services, stack)} for stack in stacks}
    everywhere = set.intersection(*(set(errors) for errors in found.values()))
    said = set()
    for stack, errors in found.items():
        for text, error in errors.items():
            if text not in everywhere:
                yield ConfigError(f"{error.where} on {stack}", error.what, error.fix)
            elif text not in said:
                said.add(text)
                yield error


def _pair_faults(services: Sequence[Service], stack: str) -> Iterator[BerthError]:
    here = [service.on(stack) for service in services if not service.is_absent_on(stack)]
    yield from _duplicates("service name", [service.name for service in here])
    yield from _duplicates("route host", [service.route.host for service in here if service.route])
    in_consul = [service.consul_name(port.label) for service in here for port in service.ports]
    yield from _duplicates("name in Consul", in_consul)
    yield from _credential_faults(here)
    names = {service.name for service in here}
    absent = {service.name for service in services} - names
    for service in here:
        for used in service.uses:
            if used in absent:
                fix = "let it be absent as well, or let what it uses be there"
                yield ConfigError(f"service '{service.name}'", f"uses '{used}', which is absent", fix)
            elif used not in names:
                yield ConfigError(f"service '{service.name}'", f"uses '{used}', which is not in the catalogue")


def _credential_faults(services: Sequence[Service]) -> Iterator[BerthError]:
    """Yield credentials that Vault could not tell apart, or of which one would undo the other."""
    databases: dict[str, Database] = {}
    users: dict[tuple[str, str], str] = {}
    for service in services:
        where = f"service '{service.name}'"
        for path, count in Counter(source.path(service.name) for source in service.credentials).items():
            if count > 1:
                yield ConfigError(where, f"asks for {count} different {path}", "ask for one, or give one another name")
        for source in service.credentials:
            if isinstance(source, DynamicAws):
                continue
            there = source.database
            if databases.setdefault(there.name, there) != there:
                fix = "let both use one record, or give one another name"
                yield ConfigError(where, f"means another database '{there.name}' than a service before it", fix)
            if isinstance(source, StaticDatabase):
                owner = users.setdefault((there.name, source.user), service.name)
                if owner != service.name:
                    user = f"the user '{source.user}' of '{there.name}'"
                    what = f"asks for {user}, whose password Vault changes for '{owner}'"
                    yield ConfigError(where, what, "each needs a user of its own")


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
    yield from pool_faults(services, platform.pools, stack=platform.stack)
    for service in services:
        host = f"{service.route.host}.{platform.domain}" if service.route else ""
        if len(host) > _LONGEST_HOST or host.count(".") >= _MOST_LABELS:
            what = f"has the host {host}, which is longer than {_LONGEST_HOST} letters or {_MOST_LABELS} names"
            yield ConfigError(f"service '{service.name}'", what, "choose a shorter host or domain")
        if kill_timeout_s(service, platform) > platform.max_kill_timeout_s:
            longest = platform.max_kill_timeout_s - ENGINE_SHUTDOWN_S
            what = f"needs {service.kill_timeout_s} s to stop, but nodes allow {platform.max_kill_timeout_s} s"
            yield ConfigError(f"service '{service.name}'", what, f"set longest_request_s to {longest} or less")
        yield from _bucket_faults(service, platform)
        yield from _reach_faults(service, platform)


def _bucket_faults(service: Service, platform: Platform) -> Iterator[BerthError]:
    for source in service.credentials:
        for bucket in source.buckets if isinstance(source, DynamicAws) else ():
            where = f"service '{service.name}' on {platform.stack}"
            if not platform.aws.workload_role:
                yield ConfigError(where, "asks for keys of AWS, which this stack gives to none", _AWS_FIX)
            elif bucket not in WORKLOAD_BUCKETS:
                what = f"asks for the bucket '{bucket}', which is none for services"
                yield ConfigError(where, what, f"ask for {' or '.join(sorted(WORKLOAD_BUCKETS))}")


def _reach_faults(service: Service, platform: Platform) -> Iterator[BerthError]:
    """Yield what a laptop's containers cannot reach: Vault, AWS's stand-in and databases on the laptop's loopback."""
    if platform.container_network is None:
        return
    wants = ["Vault"] if service.transit else []
    wants += ["moto"] if any(isinstance(one, DynamicAws) for one in service.credentials) else []
    wants += [
        one.database.name for one in service.credentials if not isinstance(one, DynamicAws) and one.database.is_loopback
    ]
    for one in wants:
        what = f"needs {one}, which listens on the laptop's loopback, where no container reaches it"
        fix = f"`berth up --no-containers`, or Override(stack='{platform.stack}', absent=True)"
        yield ConfigError(f"service '{service.name}' on {platform.stack}", what, fix)


def pool_faults(services: Sequence[Service], pools: Pools, *, stack: str) -> Iterator[BerthError]:
    """Yield a fault for each of a stack's resolved services whose pool is not there, or lacks nodes or GPUs."""
    for service in services:
        where = f"service '{service.name}' on {stack}"
        pool = pools.get(service.pool.value)
        if pool is None:
            what = f"runs on the {service.pool} pool, but the stack has only {', '.join(sorted(pools))}"
            yield ConfigError(where, what, f"add such a pool, or Override(stack='{stack}', absent=True)")
        elif service.is_parked:
            continue
        elif not pool.nodes:
            what = f"runs on pool '{pool.name}', which has no nodes"
            yield ConfigError(where, what, f"give the pool nodes, or Override(stack='{stack}', instances=0) parks it")
        elif service.size.gpus:
            yield from _gpu_faults(where, service.size.gpus, pool)


def _gpu_faults(where: str, gpus: Gpus, pool: NodePool) -> Iterator[BerthError]:
    if gpus.count > pool.gpus_per_node:
        what = f"asks for {gpus.count} GPUs, but a node of pool '{pool.name}' has {pool.gpus_per_node}"
        yield ConfigError(where, what, "ask for fewer, or add a pool that has them")
    elif not gpus.fits(pool.gpu_model):
        what = f"asks for {gpus.model} GPUs, but pool '{pool.name}' has {pool.gpu_model or 'none with a name'}"
        yield ConfigError(where, what, "ask for those, or change the pool")


def _pin_faults(services: Sequence[Service], platform: Platform, images: Pins) -> Iterator[BerthError]:
    for service in services if platform.runs_containers else ():
        try:
            pinned(service.container.image, images, service.name)
        except BerthError as error:
            yield error
