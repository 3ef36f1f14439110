"""Plans what runs on a laptop and with which configuration: a pure function of settings, paths and keys."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from infra.agents import render
from infra.agents.render import ConsulAgent, ConsulSecrets, NomadAgent, NomadClient, NomadSecrets, NomadServer
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import Driver
from scripts.ops.local.containers import registry
from scripts.ops.local.platform import DATACENTER, FIRST_POOL, LOOPBACK, OTHER_POOL, REGION
from scripts.ops.local.processes import MARK
from scripts.ops.local.settings import DEFAULTS, GPUS_PER_NODE, PORTS_PER_NODE, Settings
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Program

ISSUER = "http://nomad.localhost"
"""Issuer of workload identities. It can never change, so it names no port."""
SERVER = "nomad-server"
"""Runs apart from the nodes, as in the cloud: a node that starts before its server has keys waits half a minute."""
KEYS = ("consul-management", "consul-nomad", "consul-agent")
"""Secrets in configurations: made first, so that each agent can start before the others know them."""
_STOP_S = 20
_REGISTRY = "registry.yml"


@dataclass(frozen=True, kw_only=True, slots=True)
class BootPlan:
    """Everything that supervisord needs: files (0600) by path, programs, folders, and links by path."""

    files: Mapping[Path, str]
    programs: tuple[Program, ...]
    folders: tuple[Path, ...]
    links: Mapping[Path, Path]
    touched: tuple[Path, ...]
    """Empty files: each stands for a GPU."""


def node_name(number: int) -> str:
    """Name of a node, and of the program that runs it."""
    return f"nomad-{number}"


def node_address(number: int) -> str:
    """Loopback address of a node's agent; 127.0.0.1 is the server's."""
    return f"127.0.0.{number + 1}"


def consul_names(settings: Settings) -> list[str]:
    """Name the Consul agents: a Nomad client deregisters other clients' services from its agent, so each has its own.

    Only the first node shares the server's agent, so a laptop with one node runs one Consul.
    """
    return ["consul", *(f"consul-{node}" for node in range(2, settings.nodes + 1))]


def consul_url(number: int, settings: Settings) -> str:
    """Address of the API of a node's own Consul agent; not the first's, which is the server's."""
    return f"http://{node_address(number)}:{settings.port('consul_http')}"


def node_url(number: int, settings: Settings) -> str:
    """Address of the API of a node's own agent."""
    return f"http://{node_address(number)}:{settings.port('nomad_http')}"


def plan(settings: Settings, state: State, programs: Mapping[str, Path], keys: Mapping[str, str]) -> BootPlan:
    """Plan the files, folders and programs of the platform."""
    nodes = range(1, settings.nodes + 1)
    configs = _configs(settings, state, keys)
    gpus = [state.root / "gpus" / node_name(node) / f"gpu{gpu}" for node in nodes for gpu in range(GPUS_PER_NODE)]
    data = [state.root / name for name in (*consul_names(settings), "vault", SERVER, *map(node_name, nodes))]
    if settings.containers:
        data.append(state.root / registry.PROGRAM)
    return BootPlan(
        files={state.run / name: text for name, text in configs.items()},
        programs=_programs(settings, state, configs, programs),
        folders=(*data, state.run / "plugins", state.vault_plugins, *dict.fromkeys(gpu.parent for gpu in gpus)),
        links={state.run / "plugins" / "example-fs-device": programs["example-fs-device"]},
        touched=tuple(gpus),
    )


def environment(state: State, home: str, bin_dir: Path) -> dict[str, str]:
    """The whole environment of agents and tasks: that of the shell which runs `berth up` must not reach them."""
    path = (Path(sys.executable).parent, bin_dir, "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    # The agents are Go programs: they collect garbage sooner, for a laptop has less memory to spare than time.
    return {"GOGC": "50", "HOME": home, "LANG": "C.UTF-8", "PATH": ":".join(map(str, path)), MARK: str(state.root)}


def _configs(settings: Settings, state: State, keys: Mapping[str, str]) -> dict[str, str]:
    ports = {name: settings.port(name) for name in DEFAULTS}
    texts = {
        "consul.hcl": render.consul(
            ConsulAgent(
                name="laptop",
                datacenter=DATACENTER,
                data_dir=str(state.root / "consul"),
                bind_addr="127.0.0.1",
                ports=ports,
                expect=1,
            )
        ),
        "consul-secrets.hcl": render.consul_secrets(ConsulSecrets(management_token=keys["consul-management"])),
        "nomad-secrets.hcl": render.nomad_secrets(NomadSecrets(consul_token=keys["consul-nomad"])),
        "vault.hcl": render.vault(
            render.VaultServer(
                name="laptop",
                data_dir=str(state.root / "vault"),
                bind_addr="127.0.0.1",
                api_url=settings.vault_url,
                plugin_dir=str(state.vault_plugins),
                cluster_url=f"https://127.0.0.1:{settings.port('vault_cluster')}",
                ports=ports,
            )
        ),
    }
    texts[f"{SERVER}.hcl"] = render.nomad(
        _nomad(SERVER, "127.0.0.1", settings, state, server=NomadServer(expect=1, issuer=ISSUER))
    )
    for node in range(1, settings.nodes + 1):
        agent = _nomad(node_name(node), node_address(node), settings, state, client=_client(node, settings, state))
        if node > 1:
            agent = replace(agent, consul_addr=consul_url(node, settings).removeprefix("http://"))
            texts[f"consul-{node}.hcl"] = render.consul(_node_consul(node, settings, state))
            texts["consul-node-secrets.hcl"] = render.consul_secrets(ConsulSecrets(agent_token=keys["consul-agent"]))
        texts[f"{node_name(node)}.hcl"] = render.nomad(agent)
    if settings.containers:
        texts[_REGISTRY] = registry.configuration(settings, state)
    return texts


def _node_consul(number: int, settings: Settings, state: State) -> ConsulAgent:
    """The Consul agent beside a further node: a client of the one server."""
    return ConsulAgent(
        name=f"laptop-{number}",
        datacenter=DATACENTER,
        data_dir=str(state.root / f"consul-{number}"),
        bind_addr=node_address(number),
        client_addr=node_address(number),
        ports={name: settings.port(name) for name in DEFAULTS},
        retry_join=(f"127.0.0.1:{settings.port('consul_serf')}",),
    )


def _client(number: int, settings: Settings, state: State) -> NomadClient:
    first = settings.port("dynamic") + (number - 1) * PORTS_PER_NODE
    containers = settings.containers
    return NomadClient(
        node_pool=FIRST_POOL if number == 1 else OTHER_POOL,
        driver=Driver.DOCKER if containers else Driver.RAW_EXEC,
        servers=(f"127.0.0.1:{settings.port('nomad_rpc')}",),
        dynamic_first=first,
        dynamic_last=first + PORTS_PER_NODE - 1,
        max_kill_timeout_s=MAX_KILL_TIMEOUT_S,
        network_interface=containers.network if containers else "lo",
        loopback=LOOPBACK if containers else "",
        shared_docker=containers.daemon if containers else "",
        docker_config=str(state.docker_config) if containers else "",
        emulated_gpus=str(state.root / "gpus" / node_name(number)),
    )


def _nomad(
    name: str,
    address: str,
    settings: Settings,
    state: State,
    *,
    server: NomadServer | None = None,
    client: NomadClient | None = None,
) -> NomadAgent:
    return NomadAgent(
        name=name,
        region=REGION,
        datacenter=DATACENTER,
        data_dir=str(state.root / name),
        plugin_dir=str(state.run / "plugins") if client else "",
        bind_addr=address,
        advertise_addr=address,
        ports={port: settings.port(port) for port in DEFAULTS},
        consul_addr=f"127.0.0.1:{settings.port('consul_http')}",
        vault_url=settings.vault_url,
        server=server,
        client=client,
    )


def _programs(
    settings: Settings, state: State, configs: Mapping[str, str], programs: Mapping[str, Path]
) -> tuple[Program, ...]:
    def agent(name: str, argv: tuple[str, ...], *files: str, stdout: str = "", umask: str = "") -> Program:
        option = "-config-file" if name.startswith("consul") else "-config"
        given = tuple(f"{option}={state.run / file}" for file in files)
        digest = _digest(*(configs[file] for file in files))
        return Program(name=name, argv=(*argv, *given), digest=digest, stop_s=_STOP_S, stdout=stdout, umask=umask)

    # A container's user enters the folders that Nomad makes for its task; nobody enters the one above them all.
    node_umask = "022" if settings.containers else ""
    consul, vault, nomad = (str(programs[name]) for name in ("consul", "vault-minimal", "nomad"))
    moto = str(Path(sys.executable).parent / "moto_server")
    unseal = (
        "-m",
        "scripts.ops.local.boot.unseal",
        "--vault",
        settings.vault_url,
        "--keys",
        str(state.keys / "vault-init.json"),
    )
    return (
        Program(name="unseal", argv=(sys.executable, *unseal), events="PROCESS_STATE_RUNNING"),
        agent("consul", (consul, "agent"), "consul.hcl", "consul-secrets.hcl"),
        *(
            agent(name, (consul, "agent"), f"{name}.hcl", "consul-node-secrets.hcl")
            for name in consul_names(settings)[1:]
        ),
        agent("vault", (vault, "server"), "vault.hcl", stdout="vault-audit-stdout"),
        agent(SERVER, (nomad, "agent"), f"{SERVER}.hcl", "nomad-secrets.hcl"),
        *(
            agent(name, (nomad, "agent"), f"{name}.hcl", "nomad-secrets.hcl", umask=node_umask)
            for name in map(node_name, range(1, settings.nodes + 1))
        ),
        Program(name="aws", argv=(moto, "-H", "127.0.0.1", "-p", str(settings.port("aws")))),
        *((_registry(state, configs[_REGISTRY], programs),) if settings.containers else ()),
    )


def _registry(state: State, config: str, programs: Mapping[str, Path]) -> Program:
    argv = (str(programs["docker-registry"]), "serve", str(state.run / _REGISTRY))
    return Program(name=registry.PROGRAM, argv=argv, digest=_digest(config))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
