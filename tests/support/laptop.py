"""Boots a real local platform for tests, with its own directory and ports, and removes it."""

import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from rich.console import Console

from nomad_jobs.images import Pins
from nomad_jobs.model import Service
from nomad_jobs.platform import Platform
from scripts.ops.clients.api import Api
from scripts.ops.clients.target import Target
from scripts.ops.credentials import Credentials
from scripts.ops.deploy.run import Done, deploy
from scripts.ops.local import processes
from scripts.ops.local.boot import start, stop
from scripts.ops.local.containers.network import name_of
from scripts.ops.local.containers.processes import tasks as containers_of
from scripts.ops.local.doctor import platform as check_platform
from scripts.ops.local.doctor.findings import Mark
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import DEFAULTS, PORTS_PER_NODE, Containers, Settings
from scripts.ops.local.setup.serve import give_access
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Supervisor
from scripts.ops.progress import Progress

MAX_TEST_NODES = 3
_FIRST, _LAST = 10_000, 19_999  # below the ports that the kernel gives to clients
_DYNAMIC = range(20_000, 32_000 - MAX_TEST_NODES * PORTS_PER_NODE, MAX_TEST_NODES * PORTS_PER_NODE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Laptop:
    """A booted platform, and what is needed to act on it."""

    state: State
    settings: Settings
    platform: Platform
    credentials: Credentials
    target: Target
    """The clients that Berth itself uses."""
    nomad: Api
    """Its whole API, for what a test does to the platform; likewise the next two."""
    consul: Api
    vault: Api
    pins: Pins = field(default_factory=Pins)
    """The digests of the images that its services run from, where containers are on."""

    def task_folder(self, job: str) -> Path:
        """Give the folder of the one running task of `job`: Nomad's API does not show its secrets/."""
        rows = self.nomad.get(f"/v1/job/{job}/allocations") or ()
        (row,) = [row for row in rows if row["ClientStatus"] == "running" and row["DesiredStatus"] == "run"]
        (folder,) = self.state.root.glob(f"nomad-*/alloc/{row['ID']}/{job}")
        return folder

    def task_processes(self) -> list[psutil.Process]:
        """List the processes of its tasks; where they are no containers, its agents' are among them."""
        containers = self.settings.containers
        return containers_of(containers) if containers else processes.of_state(self.state.root)

    def deploy(self, *services: Service, whole: bool = False, deadline_s: float | None = 60) -> tuple[Done, ...]:
        """Give services that are resolved for it their access, and deploy them."""
        give_access(services, self.pins, self.state, self.target, quiet())
        return deploy(services, self.target, self.pins, quiet(), whole=whole, deadline_s=deadline_s)

    def problems(self) -> list[str]:
        """Name what `berth doctor` finds wrong with it."""
        found = check_platform.findings(self.state, self.state.settings())
        return [f"{one.check}: {one.text}" for one in found if one.mark is Mark.PROBLEM]

    def kill(self, *agents: str) -> None:
        """Kill the supervisor, which would start them again, and then `agents`."""
        supervisor = Supervisor(self.state)
        running = supervisor.processes()
        for pid in (supervisor.pid(), *(running[name].pid for name in agents)):
            psutil.Process(pid).kill()

    def up(self, settings: Settings | None = None) -> Platform:
        return start.up(self.state, settings or self.settings, quiet())


def command_lines(root: Path) -> dict[int, str]:
    """Read the command line of each process of the platform in `root`, by process id."""
    found = {}
    for process in processes.of_state(root):
        with suppress(psutil.NoSuchProcess):
            found[process.pid] = " ".join(process.cmdline())
    return found


def quiet() -> Progress:
    return Progress(Console(quiet=True))


@contextmanager
def free_ports() -> Iterator[dict[str, int]]:
    """Choose a free port for every name; the range of dynamic ports is locked against other tests until the end."""
    with ExitStack() as held:
        ports = {name: free_port(held) for name in DEFAULTS if name != "dynamic"}
        held.close()
        yield {**ports, "dynamic": _dynamic(held)}


@contextmanager
def laptop(nodes: int = 1, *, daemon: str = "") -> Iterator[Laptop]:
    """Boot a platform, with containers under Docker's `daemon` if one is given; stop and remove it at the end."""
    # Short and outside pytest's folder: a Unix socket's path is limited to 107 bytes.
    state = State(Path(tempfile.mkdtemp(prefix="berth-")))
    containers = Containers(daemon=daemon, network=name_of(state.root)) if daemon else None
    with free_ports() as ports:
        settings = Settings(nodes=nodes, ports=ports, containers=containers)
        try:
            platform = start.up(state, settings, quiet())
            with ExitStack() as sessions:
                yield _laptop(state, state.settings(), platform, sessions)  # its network has the subnet that was free
        finally:
            stop.down(state, quiet(), deadline_s=20)
            stop.destroy(state)
            assert processes.of_state(state.root) == []


def _laptop(state: State, settings: Settings, platform: Platform, sessions: ExitStack) -> Laptop:
    tokens = state.credentials()
    return Laptop(
        state=state,
        settings=settings,
        platform=platform,
        credentials=tokens,
        target=sessions.enter_context(Target.of(platform, tokens)),
        nomad=sessions.enter_context(session("Nomad", platform.nomad_url, tokens.nomad)),
        consul=sessions.enter_context(session("Consul", platform.consul_url, tokens.consul)),
        vault=sessions.enter_context(session("Vault", platform.vault_url, tokens.vault)),
    )


def free_port(held: ExitStack) -> int:
    """Find a free port, and hold it until `held` is closed."""
    for port in random.sample(range(_FIRST, _LAST), 200):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                held.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise AssertionError("no free port")


def _dynamic(held: ExitStack) -> int:
    for first in random.sample(_DYNAMIC, len(_DYNAMIC)):
        lock = FileLock(Path(tempfile.gettempdir()) / f"berth-test-ports-{first}.lock")
        try:
            held.enter_context(lock.acquire(timeout=0))
        except Timeout:
            continue
        return first
    raise AssertionError("no free range of dynamic ports")
