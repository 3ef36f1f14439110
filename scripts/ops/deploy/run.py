"""Runs a deployment: checks, finds the secrets' versions, grants access, rolls out in waves, routes, verifies."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from nomad_jobs.checks import deploy_order, mixed_up
from nomad_jobs.errors import BerthError, DeployError, PolicyError, RefusedError, raise_all
from nomad_jobs.images import Pins
from nomad_jobs.keys import routes_prefix, versions_prefix
from nomad_jobs.model import Kind, Service
from nomad_jobs.platform import Platform
from nomad_jobs.render import kill_timeout_s
from scripts.ops.access.differences import Difference, differences
from scripts.ops.clients.target import Target
from scripts.ops.deploy.entries import Entries
from scripts.ops.deploy.orphans import forget_dead_routes, orphans
from scripts.ops.deploy.rollout import Rollout
from scripts.ops.deploy.secret_versions import secret_versions
from scripts.ops.deploy.verify import Verification
from scripts.ops.front_door import front_doors
from scripts.ops.local import shell
from scripts.ops.progress import Progress
from scripts.ops.rendering import Rendered, render
from scripts.ops.secrets.moving import move

_VERIFY_S = 30.0
_SLACK_S = 45
"""Added to a job's own progress deadline, for scheduling, for Consul to follow, and for Nomad to decide."""
_TELLS_JOBS_APART = (1, 10, 2)
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The result of one service's rollout."""

    service: Service
    changed: bool
    seconds: float


def deploy(
    services: Sequence[Service],
    target: Target,
    images: Pins,
    progress: Progress,
    *,
    whole: bool = True,
    deadline_s: float | None = None,
) -> tuple[Done, ...]:
    """Make `target` run `services`, which were checked and resolved when they were loaded.

    `whole`: they are the whole catalogue, so other jobs of the stack are reported. `deadline_s` bounds each service's
    rollout; the default follows from the service's own start-up time.

    Raises:
        ConfigError: (or ManyErrors) a secret or a field of it is missing; nothing was changed.
        PolicyError: a policy or a role is not what the catalogue says; nothing was changed.
        DeployError: (or a subclass) a service failed; earlier waves stay deployed, later ones were not started.

    """
    with progress.step("secrets", "their versions"):
        _refuse_mixed_up(services, target)
        found = secret_versions(services, target.platform, target.vault)
        versions = {path: one.version for path, one in found.items()}
    for path, one in found.items():
        if one.pinned:
            progress.note(f"[yellow]![/yellow] the secret {path} is pinned to version {one.pinned}")
    rendered = render(services, target.platform, images, versions)
    with progress.step("access", "is as the catalogue says"):
        _refuse_other_access(differences(rendered, target.vault, target.consul, whole=whole), target.platform)
    deployment = _Deployment(
        target=target,
        rendered=rendered,
        progress=progress,
        deadline_s=deadline_s,
        entries={service.name: Entries(target.consul) for service in services},
    )
    try:
        done = [one for wave in deploy_order(services) for one in deployment.roll_out(wave)]
        if whole:  # first, for the host of a service that is gone may have a new owner
            forget_dead_routes(services, target)
        deployment.verify(services)
    except KeyboardInterrupt:
        deployment.put_back()
        raise
    _report_rest(services, target, progress, whole=whole)
    return tuple(done)


def expected_instances(service: Service, platform: Platform) -> int:
    """How many healthy instances a deployed service has; a system job has one on each node of its pool."""
    if service.kind is Kind.SYSTEM:
        return platform.pools[service.pool.value].nodes
    return service.size.instances


def _refuse_mixed_up(services: Sequence[Service], target: Target) -> None:
    if (faults := list(mixed_up(services))) and target.nomad.version() < _TELLS_JOBS_APART:
        raise_all(faults)


def _refuse_other_access(found: Sequence[Difference], platform: Platform) -> None:
    """Refuse to deploy services whose access is not what it should be: who deploys writes no policy and no role."""
    if found:
        what = "is not what the catalogue says: " + ", ".join(one.title for one in found)
        command = "berth up" if platform.is_laptop else f"berth vault apply {platform.stack}"
        raise PolicyError("access", what, f"run `{command}`, which may write it; nothing was deployed")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Deployment:
    target: Target
    rendered: Rendered
    progress: Progress
    deadline_s: float | None
    entries: dict[str, Entries]
    """What was written to Consul, by service."""

    def roll_out(self, wave: Sequence[Service]) -> list[Done]:
        """Roll services out side by side; all of them finish before the failures are raised."""
        return _side_by_side(self._roll_out_one, wave)

    def verify(self, services: Sequence[Service]) -> None:
        """Ask the front doors for each service; if they do not serve its route, put its entries back."""
        with self.progress.step("front door", "exactly the new instances, and a good answer, on each route"):
            _side_by_side(self._verify_one, services)

    def _roll_out_one(self, service: Service) -> Done:
        start = time.monotonic()
        platform = self.target.platform
        limit = self.deadline_s or max(service.size.starts_within_s, kill_timeout_s(service, platform)) + _SLACK_S
        with self.progress.step(service.name, "reading the job") as step:
            rollout = Rollout(
                service=service,
                instances=expected_instances(service, platform),
                runs_containers=platform.runs_containers,
                nomad=self.target.nomad,
                consul=self.target.consul,
                step=step,
                deadline=start + limit,
            )
            try:
                self._pin(service)
                changed = rollout.run(self.rendered.jobs[service.name])
            except BaseException:
                self.entries[service.name].put_back()
                raise
            changed = self._route(service) or changed
        return Done(service=service, changed=changed, seconds=time.monotonic() - start)

    def _pin(self, service: Service) -> None:
        """Write the secret versions that a task follows, before it starts: it waits for them.

        They may be others than when the deployment began, if somebody has set or pinned one since.
        """
        target = self.target
        for key in self.rendered.pins[service.name]:
            name = key.removeprefix(f"{versions_prefix(target.platform.stack)}/")
            before, version = move(name, key, target.platform, target.vault, target.consul)
            self.entries[service.name].note(key, before, str(version))

    def _route(self, service: Service) -> bool:
        """Write the service's route, whose instances are healthy now, or remove the route of a service without one."""
        key = f"{routes_prefix(self.target.platform.stack)}/{service.name}"
        record = self.rendered.routes.get(service.name)
        entries = self.entries[service.name]
        return entries.remove(key) if record is None else entries.put(key, record)

    def _verify_one(self, service: Service) -> None:
        verification = Verification(
            service=service,
            platform=self.target.platform,
            nomad=self.target.nomad,
            consul=self.target.consul,
            vault=self.target.vault,
            deadline_s=_VERIFY_S,
            is_parked=expected_instances(service, self.target.platform) == 0,
        )
        try:
            verification.run()
        except BaseException:
            self.entries[service.name].put_back()
            if service.is_front_door:
                self._follow_what_runs(service)
            raise
        self.entries[service.name].keep()

    def put_back(self) -> None:
        """Restore every entry that has not proved right yet."""
        for entries in self.entries.values():
            entries.put_back()

    def _follow_what_runs(self, service: Service) -> None:
        """Pin the certificate that the front doors run: an earlier run may have left a pin that they refused."""
        running = {door.certificate for door in front_doors(self.target.nomad)} - {""}
        for key in self.rendered.pins[service.name] if len(running) == 1 else ():
            self.target.consul.put_key(key, *running)


def _side_by_side(work: Callable[[Service], Result], services: Sequence[Service]) -> list[Result]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = [pool.submit(work, service) for service in services]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, BerthError):
            raise error
    raise_all(_as_failure(error) for error in errors if isinstance(error, BerthError))
    return [future.result() for future in futures]


def _as_failure(error: BerthError) -> BerthError:
    """Report a server's refusal as a failed deployment: that is what it is to whoever deploys."""
    return DeployError(error.where, error.what, error.fix) if isinstance(error, RefusedError) else error


def _report_rest(services: Sequence[Service], target: Target, progress: Progress, *, whole: bool) -> None:
    """Report the front doors' faults, and the jobs of the stack that its catalogue does not have."""
    for door in front_doors(target.nomad):
        for fault in door.faults():
            progress.note(f"[red]✗[/red] the front door on {door.node} {fault}")
    if whole:
        for name in orphans(services, target):
            stops = shell.nomad(f"job stop {name}", target.platform)
            note = f"{name} still runs and is not in this stack's catalogue: `{stops}` stops it"
            progress.note(f"[yellow]![/yellow] {note}")
