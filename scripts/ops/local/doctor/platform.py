"""Examines a running platform: agents, tokens, seal, audit, clocks, and that no API answers without a token."""

import email.utils
import time
from collections.abc import Iterator
from functools import partial

import httpx

from infra.holdings import consul, nomad, vault
from nomad_jobs.errors import BerthError, DeadlineError
from nomad_jobs.services.ingress import INGRESS
from scripts.ops.clients.api import Api
from scripts.ops.clients.target import Target
from scripts.ops.front_door import front_doors
from scripts.ops.local import processes, shell
from scripts.ops.local.boot import boot_plan
from scripts.ops.local.doctor import containers, status
from scripts.ops.local.doctor.findings import Finding, note, ok, problem
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import GPUS_PER_NODE, Settings
from scripts.ops.local.setup import vault_plugins
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until

FIX = "run `berth up`"
_BOGUS = "00000000-0000-4000-8000-000000000000"
_SKEW_S = 60
"""Vault and Consul accept a token from a clock this far off; beyond 150 s no job can log in."""
_TIMEOUT_S = 5
_FLAPS = 3
_FOLLOWS_S = 5
_AUDIT_DEVICES = 2
"""With one, a device that fails stops Vault."""


def findings(state: State, settings: Settings) -> Iterator[Finding]:
    """Examine what runs; one finding if nothing does."""
    supervisor = Supervisor(state)
    if not supervisor.alive():
        left = len(processes.of_state(state.root))
        if left:
            yield problem("agents", f"no supervisor, but {left} processes of the platform", FIX)
        else:
            yield note("agents", "the platform is down", FIX)
        return
    yield from _agents(state, supervisor)
    yield from _access(settings)
    for check in (_consul, _nomad, _vault, _clock, _instances, _front_door):
        try:
            yield from check(state, settings)
        except BerthError as error:
            yield problem(error.where, error.what, error.fix or FIX)
    yield from containers.findings(state, settings)


def _agents(state: State, supervisor: Supervisor) -> Iterator[Finding]:
    restarts = {row.name: row.restarts for row in status.agents(state)}
    for name, process in supervisor.processes().items():
        if not process.runs:
            yield problem(
                f"agent {name}",
                f"{process.state.lower()}: {process.why}",
                f"see {state.logs / name}.log, then run `berth up`",
            )
        elif restarts.get(name, 0) >= _FLAPS:
            yield note(f"agent {name}", f"died {restarts[name]} times", f"see {state.logs / name}.log")
        else:
            yield ok(f"agent {name}", f"pid {process.pid}, up for {process.uptime_s} s")


def _access(settings: Settings) -> Iterator[Finding]:
    """Call every API without a token and with a wrong one, on the server and on each node."""
    nodes = [boot_plan.node_url(node, settings) for node in range(1, settings.nodes + 1)]
    apis = (
        *(("Nomad", url, "/v1/jobs", nomad.HEADER) for url in (settings.nomad_url, *nodes)),
        ("Consul", settings.consul_url, "/v1/agent/self", consul.HEADER),
        ("Vault", settings.vault_url, "/v1/sys/mounts", vault.HEADER),
    )
    for name, url, path, header in apis:
        for who, headers in (("anonymous", {}), ("a wrong token", {header: _BOGUS})):
            yield _refusal(f"{name} at {url}", url + path, who, headers)


def _refusal(check: str, url: str, who: str, headers: dict[str, str]) -> Finding:
    try:
        code = httpx.get(url, headers=headers, trust_env=False, timeout=_TIMEOUT_S).status_code
    except httpx.TransportError as error:
        return problem(check, f"does not answer ({error})", FIX)
    if code in {httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED}:
        return ok(check, f"refuses {who} ({code})")
    return problem(check, f"answers {who} with {code}", "its access rules are off: run `berth down`, then `berth up`")


def _consul(state: State, settings: Settings) -> Iterator[Finding]:
    with session("Consul", settings.consul_url, state.key("consul-management")) as consul:
        consul.get("/v1/acl/token/self")
        yield ok("Consul token", "valid")


def _nomad(state: State, settings: Settings) -> Iterator[Finding]:
    with session("Nomad", settings.nomad_url, state.key("nomad-bootstrap")) as nomad:
        nomad.get("/v1/acl/token/self")
        yield ok("Nomad token", "valid")
    with Target.of(state.platform(), state.credentials()) as target:
        rows = status.nodes(target.nomad)
    for node in rows:
        if node.status != "ready" or node.gpus != GPUS_PER_NODE:
            yield problem(f"node {node.name}", f"{node.status}, {node.gpus} of {GPUS_PER_NODE} GPUs", FIX)
        elif not node.eligible:
            fix = f"run `nomad node eligibility -enable` if nobody is at work on {node.name}"
            yield note(f"node {node.name}", "ready, but drained: it takes no tasks", fix)
        else:
            yield ok(f"node {node.name}", f"ready, {node.gpus_free} of {node.gpus} GPUs free")
    if len(rows) < settings.nodes:
        yield problem("nodes", f"{len(rows)} of {settings.nodes}", FIX)


def _vault(state: State, settings: Settings) -> Iterator[Finding]:
    with session("Vault", settings.vault_url, state.key("vault-operator")) as vault:
        seal = vault.get("/v1/sys/seal-status")
        if seal["sealed"]:
            yield problem("Vault seal", "sealed", f"{FIX}; see {state.logs / 'unseal.log'}")
            return
        yield ok("Vault seal", "unsealed")
        ttl_s = vault.get("/v1/auth/token/lookup-self")["data"]["ttl"]
        yield ok("Vault token", f"valid for {ttl_s // 86400} days; `berth up` renews it")
        devices = vault.get("/v1/sys/audit")["data"]
        yield from _engines(vault, state, settings)
    if len(devices) < _AUDIT_DEVICES:
        yield problem("Vault audit", f"{len(devices)} of {_AUDIT_DEVICES} devices", FIX)
    else:
        yield ok("Vault audit", f"on: {', '.join(sorted(devices))}")


def _engines(operator: Api, state: State, settings: Settings) -> Iterator[Finding]:
    """Check that Vault can run every engine that was asked for or mounted, and runs those that are mounted."""
    bad = {fault.where: fault for fault in vault_plugins.faults(operator, state, settings.engines)}
    for fault in bad.values():
        yield problem(fault.where, fault.what, fault.fix)
    for name in settings.engines:
        if f"vault engine {name}" not in bad:
            yield ok(f"vault engine {name}", "offered")


def _clock(state: State, settings: Settings) -> Iterator[Finding]:
    del state
    try:
        answer = httpx.get(settings.vault_url + "/v1/sys/seal-status", trust_env=False, timeout=_TIMEOUT_S)
    except httpx.TransportError as error:
        yield problem("clock", f"Vault does not answer with its time ({error})", FIX)
        return
    skew_s = abs(time.time() - email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp())
    if skew_s > _SKEW_S:
        yield problem("clock", f"{skew_s:.0f} s off Vault's", "set the clock: logins of jobs fail beyond 150 s")
    else:
        yield ok("clock", "as Vault's")


def _instances(state: State, settings: Settings) -> Iterator[Finding]:
    """Compare what Nomad runs with what Consul calls healthy: where they differ, requests get lost."""
    del settings
    with Target.of(state.platform(), state.credentials()) as target:
        for job in target.nomad.jobs_of(state.platform().stack):
            try:
                wait_until(partial(_unhealthy, job, target), where=job, what="health", deadline_s=_FOLLOWS_S)
            except DeadlineError as error:
                looks = shell.nomad(f"job status {job}", target.platform)
                yield problem(f"service {job}", error.what, f"see `{looks}`; {FIX}")
            else:
                yield ok(f"service {job}", "all that runs is healthy")


def _unhealthy(job: str, target: Target) -> str | None:
    rows = target.nomad.allocations(job).body or []
    running = {row["ID"] for row in rows if row["ClientStatus"] == "running" and row["DesiredStatus"] == "run"}
    healthy = set(target.consul.instances(job).values())
    if not running and not _is_parked(job, target):
        return "nothing of it runs"
    return None if running == healthy else f"{len(running & healthy)} of {len(running)} instances are healthy in Consul"


def _is_parked(job: str, target: Target) -> bool:
    groups = (target.nomad.job(job) or {}).get("TaskGroups") or ()
    return all(group["Count"] == 0 for group in groups)


def _front_door(state: State, settings: Settings) -> Iterator[Finding]:
    """Check what NGINX runs, and that it sends to the healthy instances; it may take a moment to follow."""
    del settings
    with Target.of(state.platform(), state.credentials()) as target:
        doors = front_doors(target.nomad)
        if not doors:
            yield note("front door", "none runs", FIX)
        for door in doors:
            check = f"front door on {door.node}"
            for fault in door.faults():
                yield problem(check, fault, "fix the route, then run `berth deploy`")
            try:
                wait_until(lambda: _strays(target), where=check, what="following Consul", deadline_s=_FOLLOWS_S)
            except DeadlineError as error:
                yield problem(check, error.what, f"see `nomad alloc logs -job {INGRESS.name}`")
            else:
                yield ok(check, f"runs {len(door.routes)} routes, each to the healthy instances")


def _strays(target: Target) -> str | None:
    return next((fault for door in front_doors(target.nomad) for fault in door.strays(target.consul)), None)
