"""Boots the local platform: plans what must run, changes what differs, and verifies every part."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from infra.holdings.nomad import JWKS_PATH
from nomad_jobs.errors import BerthError, raise_all
from nomad_jobs.platform import Platform
from scripts.ops.clients.vault import Vault
from scripts.ops.local import processes
from scripts.ops.local.boot import boot_plan, drains, layout, stop
from scripts.ops.local.boot.agent_wait import AgentWait
from scripts.ops.local.containers import registry, whole
from scripts.ops.local.containers.network import remove_strays
from scripts.ops.local.containers.processes import holders
from scripts.ops.local.platform import local_platform
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.setup import consul as consul_setup
from scripts.ops.local.setup import nomad as nomad_setup
from scripts.ops.local.setup import vault as vault_setup
from scripts.ops.local.setup import vault_keys
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Supervisor
from scripts.ops.progress import Progress, Step
from scripts.ops.toolchain import cache, order, system_packages
from scripts.ops.toolchain.programs import LAPTOP

_END_S = 15
_RETIRE_S = 30


def refuse_taken_ports(state: State, settings: Settings) -> None:
    """Raise before anything is installed if another program has one of the platform's ports."""
    ours = {one for one in (state.settings().containers, settings.containers) if one}
    others = {pid for containers in ours for pid in holders(containers)}
    processes.refuse_foreign(settings.listening, state.root, others)


def install(settings: Settings, progress: Progress) -> None:
    """Install every program that the platform runs and that is missing."""
    with ThreadPoolExecutor(1) as pool:  # this thread is the one that hears of Ctrl-C, so it leads the longer work
        installed = pool.submit(system_packages.ensure, settings.packages, progress)
        order.install(LAPTOP, progress)
        installed.result()


def up(state: State, settings: Settings, progress: Progress) -> Platform:
    """Start what does not run, change what differs, and return when every part works.

    Raises:
        BerthError: a port is taken, the disk is full or read-only, or an agent does not start; with what fixes it.

    """
    state.open()
    with state.locked():
        supervisor = Supervisor(state)
        _end_other_driver(state, settings, supervisor, progress)
        settings = _held(settings, state, progress)
        with progress.step("agents", "looking at what runs") as step:
            _start(state, settings, supervisor, step)
        with ExitStack() as sessions:
            _Verification(state, settings, supervisor, progress, sessions).run()
        platform = local_platform(settings)
        state.write(state.root / "platform.json", platform.to_json())
        return platform


def _end_other_driver(state: State, settings: Settings, supervisor: Supervisor, progress: Progress) -> None:
    """End a platform whose nodes have the other driver: none of its tasks can go on under this one."""
    before = state.settings()
    if supervisor.alive() and bool(before.containers) is not bool(settings.containers):
        progress.note(f"services now run as {'containers' if settings.containers else 'processes'}: starting afresh")
        stop.end(state, progress)


def _held(settings: Settings, state: State, progress: Progress) -> Settings:
    """Make the containers' network, which nodes look for when they start."""
    if settings.containers is None:
        return settings
    state.write(state.root / "settings.json", settings.to_json())  # first: `berth down` removes what they name
    with progress.step("network", "of the containers") as step:
        held = whole.hold(settings, state)
        step.says(f"{held.containers.network}, {held.containers.subnet}" if held.containers else "none")
    return held


def _start(state: State, settings: Settings, supervisor: Supervisor, step: Step) -> None:
    with ThreadPoolExecutor() as pool:  # each program is asked for its version, which takes a moment
        programs = dict(zip(LAPTOP, pool.map(order.resolve, LAPTOP), strict=True))
    if settings.containers:
        programs |= system_packages.ensure(["docker-registry"], Progress())
    if not supervisor.alive():
        _clear(state, step)
    refuse_taken_ports(state, settings)
    keys = {name: state.ensure_key(name) for name in boot_plan.KEYS}
    plan = boot_plan.plan(settings, state, programs, keys)
    env = boot_plan.environment(state, os.environ.get("HOME", "/"), cache.bin_dir())
    with _retired(layout.surplus(supervisor, plan), state, step):
        state.write(state.root / "settings.json", settings.to_json())
        layout.write(state, plan, env)
        layout.supervise(supervisor, env)


def _clear(state: State, step: Step) -> None:
    """End the processes of a platform whose supervisor is gone: nothing would restart them."""
    if left := processes.of_state(state.root):
        step.says(f"ending {len(left)} processes that a crash left behind")
        processes.end(left, deadline_s=_END_S)


@contextmanager
def _retired(names: list[str], state: State, step: Step) -> Iterator[None]:
    """Drain the nodes `names` before the block, which stops them, and remove them from Nomad's list after it."""
    if not names:
        yield
        return
    with session("Nomad", state.settings().nomad_url, state.key("nomad-bootstrap")) as nomad:
        nodes = [node for node in nomad.get("/v1/nodes") or () if node["Name"] in names]
        drains.retire(nomad, nodes, deadline_s=_RETIRE_S, says=step.says)
        yield
        drains.forget(nomad, nodes)


class _Verification:
    """The second half of a boot: wait until every agent answers, knows its tokens and trusts the others."""

    def __init__(
        self, state: State, settings: Settings, supervisor: Supervisor, progress: Progress, sessions: ExitStack
    ) -> None:
        self.state = state
        self.settings = settings
        self.supervisor = supervisor
        self.progress = progress
        consul = state.ensure_key("consul-management")
        nomad = state.ensure_key("nomad-bootstrap")
        self.consul = sessions.enter_context(session("Consul", settings.consul_url, consul))
        self.nomad = sessions.enter_context(session("Nomad", settings.nomad_url, nomad))
        self.vault = sessions.enter_context(session("Vault", settings.vault_url))
        self.aws = sessions.enter_context(session("AWS", settings.aws_url))
        self.nodes = [boot_plan.node_name(node) for node in range(1, settings.nodes + 1)]
        self.jwks_url = settings.nomad_url + JWKS_PATH

    def run(self) -> None:
        """Start the servers, then the nodes: a node that misses Consul or Vault at its start looks again only later."""
        for name in ("aws", "consul", "vault", boot_plan.SERVER):
            self.supervisor.begin(name)
        _side_by_side(self._consul, self._vault, self._nomad)
        for name in self.nodes:
            self.supervisor.begin(name)
        _side_by_side(self._consul_identity, self._vault_identity, self._await_nodes, self._aws)
        if self.settings.containers:
            self._registry(self.settings.containers)

    def _consul(self) -> None:
        with self.progress.step("consul", "a leader") as step:
            consul_setup.await_leader(self.consul, AgentWait(self.supervisor, "consul"))
            consul_setup.agents(self.consul, self.state)
            for number, name in enumerate(boot_plan.consul_names(self.settings)[1:], start=2):
                step.says(f"{name} joins")
                self._join(number, name)

    def _join(self, number: int, name: str) -> None:
        """Start a node's own Consul agent, and wait until it knows the server: Nomad sets up no task there before.

        It starts when the server answers, for an agent that finds none looks again after half a minute.
        """
        self.supervisor.begin(name)
        management = self.state.key("consul-management")
        with session("Consul", boot_plan.consul_url(number, self.settings), management) as agent:
            consul_setup.await_leader(agent, AgentWait(self.supervisor, name))

    def _vault(self) -> None:
        with self.progress.step("vault", "unsealing"):
            vault_keys.open_up(self.vault, self.state, self.supervisor)

    def _nomad(self) -> None:
        with self.progress.step("nomad", "a leader"):
            nomad_setup.await_keys(self.nomad, AgentWait(self.supervisor, boot_plan.SERVER))
            nomad_setup.bootstrap(self.nomad, self.state)

    def _aws(self) -> None:
        with self.progress.step("aws", "moto's answer"):
            AgentWait(self.supervisor, "aws").until(lambda: None if self.aws.status("/moto-api/") else "", "an answer")

    def _consul_identity(self) -> None:
        with self.progress.step("consul identity", "letting jobs log in"):
            consul_setup.identity(self.consul, self.jwks_url)

    def _vault_identity(self) -> None:
        with self.progress.step("vault set-up", "audit, secrets engine, letting jobs log in"):
            vault_setup.setup(self.vault, self.state, self.jwks_url)
            vault_setup.rotate_audit(self.state, lambda: self.supervisor.signal("vault", "HUP"))

    def _registry(self, containers: Containers) -> None:
        with self.progress.step("registry", "its login"):
            vault = Vault(self.settings.vault_url, str(self.state.key("vault-operator")))
            try:
                given = registry.login(local_platform(self.settings), vault)
            finally:
                vault.close()
            if registry.supply(self.settings, self.state, given):
                self.supervisor.stop(registry.PROGRAM)
            self.supervisor.begin(registry.PROGRAM)
            wait = AgentWait(self.supervisor, registry.PROGRAM)
            wait.until(lambda: registry.missing(self.settings), "a refusal of whom it does not know")
            registry.try_login(containers, self.settings.registry, given)
            self._remove_strays(containers)

    def _remove_strays(self, containers: Containers) -> None:
        rows = self.nomad.get("/v1/allocations") or ()
        alive = {row["ID"] for row in rows if row["ClientStatus"] in {"pending", "running", "unknown"}}
        for name in remove_strays(containers, alive):
            self.progress.note(f"[yellow]![/yellow] the container {name} is removed: Nomad has another in its place")

    def _await_nodes(self) -> None:
        def look_again() -> None:
            for name in self.nodes:
                self.supervisor.signal(name, "HUP")

        with self.progress.step("nodes", "Consul, Vault and GPUs on each") as step:
            for number, name in enumerate(self.nodes, start=1):
                with session("Nomad", boot_plan.node_url(number, self.settings)) as node:
                    nomad_setup.await_client(node, AgentWait(self.supervisor, name))
            driver = local_platform(self.settings).driver
            nomad_setup.await_nodes(self.nomad, self.nodes, driver, look_again, step.says)
            drains.release(self.nomad)


def _side_by_side(*parts: Callable[[], None]) -> None:
    """Run all parts; if some fail, the others still finish, and every error is raised."""
    with ThreadPoolExecutor(len(parts)) as pool:
        futures = [pool.submit(part) for part in parts]
    errors: list[BerthError] = []
    for future in futures:
        error = future.exception()
        if isinstance(error, BerthError):
            errors.append(error)
        elif error:
            raise error
    raise_all(errors)
