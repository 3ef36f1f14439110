"""A deployment from beginning to end: check, look secrets up, grant, route, roll out in waves, verify, report."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Self

from nomad_jobs.checks import deploy_order
from nomad_jobs.errors import BerthError, raise_all
from nomad_jobs.images import Pins
from nomad_jobs.model import Kind, Service
from nomad_jobs.platform import Platform
from scripts.ops.consul import Consul
from scripts.ops.credentials import Credentials
from scripts.ops.deploy import access
from scripts.ops.deploy.rollout import Rollout
from scripts.ops.deploy.verify import verify
from scripts.ops.nomad import Nomad
from scripts.ops.progress import Progress
from scripts.ops.rendering import Rendered, render
from scripts.ops.vault import Vault

_VERIFY_S = 30.0
_SLACK_S = 45
"""Beyond a job's own progress deadline: scheduling, Consul's news, and Nomad's verdict itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of one service."""

    service: Service
    changed: bool
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A stack and the clients that act on it."""

    platform: Platform
    nomad: Nomad
    consul: Consul
    vault: Vault

    @classmethod
    @contextmanager
    def of(cls, platform: Platform, credentials: Credentials) -> Iterator[Self]:
        """Make the three clients of a platform, for as long as the block runs."""
        with ExitStack() as clients:
            yield cls(
                platform=platform,
                nomad=clients.enter_context(
                    closing(Nomad(platform.nomad_url, credentials.nomad, platform.ca_file, platform.namespace))
                ),
                consul=clients.enter_context(
                    closing(Consul(platform.consul_url, credentials.consul, platform.ca_file))
                ),
                vault=clients.enter_context(closing(Vault(platform.vault_url, credentials.vault, platform.ca_file))),
            )


def deploy(  # noqa: PLR0913 - what a deployment needs, each named
    services: Sequence[Service],
    target: Target,
    images: Pins,
    progress: Progress,
    *,
    whole: bool = True,
    deadline_s: float | None = None,
) -> tuple[Done, ...]:
    """Make `target` run `services`, which were checked when they were loaded.

    `whole`: they are the whole catalogue, so that routes of anything else are forgotten. `deadline_s` bounds each
    service's rollout; by default its own start-up time does.

    Raises:
        ConfigError: (or ManyErrors) a secret is missing; nothing was changed.
        DeployError: (or its kin) a service failed; those before it stay deployed, those after were not begun.

    """
    with progress.step("secrets", "their versions"):
        versions = access.secret_versions(services, target.platform, target.vault)
    rendered = render(services, target.platform, images, versions)
    with progress.step("access", "policies, roles and routes") as step:
        writes = access.grant(rendered, target.vault, target.consul)
        writes += access.put_routes(rendered, target.platform, target.consul, whole=whole)
        step.says(f"{writes} written" if writes else "nothing to change")
    done: list[Done] = []
    for wave in deploy_order(services):
        done += _wave(wave, rendered, target, progress, deadline_s)
    _verify(services, target, progress)
    return tuple(done)


def expected_instances(service: Service, platform: Platform) -> int:
    """How many healthy instances a deployed service has: one a node of its pool for a system job."""
    if service.kind is Kind.SYSTEM:
        return platform.pools[service.pool.value].nodes
    return (service.container if platform.is_cloud else service.process).instances


def _wave(
    wave: Sequence[Service], rendered: Rendered, target: Target, progress: Progress, deadline_s: float | None
) -> list[Done]:
    """Roll services out side by side; let all of them end before the first failure is raised."""

    def one(service: Service) -> Done:
        start = time.monotonic()
        with progress.step(service.name, "reading the job") as step:
            run = service.container if target.platform.is_cloud else service.process
            limit = deadline_s or max(run.starts_within_s, service.kill_timeout_s) + _SLACK_S
            rollout = Rollout(
                service=service,
                instances=expected_instances(service, target.platform),
                nomad=target.nomad,
                consul=target.consul,
                step=step,
                deadline=start + limit,
            )
            changed = rollout.run(rendered.jobs[service.name])
        return Done(service=service, changed=changed, seconds=time.monotonic() - start)

    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = [pool.submit(one, service) for service in wave]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, BerthError):
            raise error
    raise_all(error for error in errors if isinstance(error, BerthError))
    return [future.result() for future in futures]


def _verify(services: Sequence[Service], target: Target, progress: Progress) -> None:
    with progress.step("NGINX", "a good answer from each route"), ThreadPoolExecutor(max_workers=8) as pool:
        routed = [service for service in services if service.route]
        futures = [pool.submit(verify, one, target.platform, target.vault, deadline_s=_VERIFY_S) for one in routed]
        raise_all(error for future in futures if isinstance(error := future.exception(), BerthError))
        for future in futures:
            future.result()
