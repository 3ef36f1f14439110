"""The agents' configuration files: the same templates for a cloud machine of each role and for the laptop."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.network.ports import TABLE
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import Driver
from nomad_jobs.text import environment

PORTS: Mapping[str, int] = {row.name: row.first for row in TABLE}
"""Every port's own number, by its name in `infra/network/ports.py`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """Certificate files on the machine; the name in the certificate carries the role."""

    ca_file: str
    cert_file: str
    key_file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kms:
    """The AWS key that wraps an agent's own key, so that the machine keeps none."""

    region: str
    key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsulAgent:
    """A Consul agent: a client, unless it is `server` or expects others."""

    name: str
    datacenter: str
    data_dir: str
    bind_addr: str
    ports: Mapping[str, int]
    client_addr: str = "127.0.0.1"
    """Where its API listens: loopback, of which a laptop has one address for each node."""
    server: bool = False
    """Whether it is a server that joins an existing cluster."""
    expect: int = 0
    """How many servers form a new cluster."""
    retry_join: tuple[str, ...] = ()
    tls: Tls | None = None

    @property
    def is_server(self) -> bool:
        """Whether it is one of the servers."""
        return self.server or self.expect > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsulSecrets:
    """The secret part of a Consul agent's configuration; empty fields are left out."""

    gossip_key: str = ""
    """32 bytes, base64."""
    management_token: str = ""
    """Servers: the first token of the cluster, a UUID made beforehand."""
    agent_token: str = ""

    def __repr__(self) -> str:
        return "[REDACTED]"


@dataclass(frozen=True, kw_only=True, slots=True)
class NomadSecrets:
    """The secret part of a Nomad agent's configuration."""

    consul_token: str
    gossip_key: str = ""
    """Servers: 32 bytes, base64."""

    def __repr__(self) -> str:
        return "[REDACTED]"


@dataclass(frozen=True, kw_only=True, slots=True)
class NomadServer:
    """The server half of a Nomad agent."""

    expect: int = 0
    """How many servers form a new cluster; 0: it joins an existing one."""
    issuer: str
    """Issuer of workload identities; it cannot be changed later."""
    retry_join: tuple[str, ...] = ()
    kms: Kms | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NomadClient:
    """The client half of a Nomad agent; `dynamic_first` to `dynamic_last` are the ports it hands out."""

    node_pool: str
    driver: Driver
    servers: tuple[str, ...]
    dynamic_first: int
    dynamic_last: int
    max_kill_timeout_s: int
    network_interface: str = ""
    """Empty: the one with the default route."""
    emulated_gpus: str = ""
    """Folder whose files show up as GPUs; empty: none are emulated."""
    nvidia: bool = False
    """Whether the node's GPUs are offered to jobs, by the device plugin `nomad-device-nvidia`."""
    models_dir: str = ""
    """Folder that jobs may mount as the host volume `models`; empty: none."""
    shared_docker: str = ""
    """Docker's daemon, as DOCKER_HOST names it, where others use it as well; empty: the node's own, in its usual
    place."""
    loopback: str = ""
    """Name of a host network that is 127.0.0.1, for ports that only this machine may reach; empty: there is none."""
    docker_config: str = ""
    """Docker's file of registries' logins, which Nomad reads at every pull, and so must be there; empty: none."""
    drain_s: int = MAX_KILL_TIMEOUT_S
    """How long a node that is told to stop lets its jobs finish."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NomadAgent:
    """A Nomad agent: server, client or both."""

    name: str
    region: str
    datacenter: str
    data_dir: str
    bind_addr: str
    advertise_addr: str
    ports: Mapping[str, int]
    consul_addr: str
    vault_url: str
    server: NomadServer | None = None
    client: NomadClient | None = None
    plugin_dir: str = ""
    tls: Tls | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultServer:
    """A Vault server; `tls_name` is the name that its certificate carries."""

    name: str
    data_dir: str
    bind_addr: str
    api_url: str
    cluster_url: str
    ports: Mapping[str, int]
    retry_join: tuple[str, ...] = ()
    tls: Tls | None = None
    tls_name: str = ""
    kms: Kms | None = None
    plugin_dir: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentFile:
    """A file that Vault's agent keeps current; `text` is a Consul template."""

    path: str
    text: str
    group: str = "root"
    """Who may read it, besides root."""
    is_awaited: bool = True
    """Whether Consul or Nomad wait for it, and reload when it changes."""

    @property
    def perms(self) -> str:
        """Its mode; with root's own group nobody else reads it."""
        return "0600" if self.group == "root" else "0640"


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultAgent:
    """Vault's agent on a node, which logs in as the machine's IAM role."""

    vault_url: str
    ca_file: str
    role: str
    """Of Vault's AWS login."""
    region: str
    server_id: str
    """The Vault that the login is signed for; no other Vault accepts it."""
    files: tuple[AgentFile, ...]


def consul(agent: ConsulAgent) -> str:
    """Write a Consul agent's configuration, without secrets."""
    return _render("consul", agent=agent)


def consul_secrets(secrets: ConsulSecrets) -> str:
    """Write the file with its secrets, for mode 0600."""
    return _render("consul-secrets", secrets=secrets)


def nomad(agent: NomadAgent) -> str:
    """Write a Nomad agent's configuration, without secrets."""
    return _render("nomad", agent=agent)


def nomad_secrets(secrets: NomadSecrets) -> str:
    """Write the file with its secrets, for mode 0600."""
    return _render("nomad-secrets", secrets=secrets)


def vault(server: VaultServer) -> str:
    """Write a Vault server's configuration, without secrets."""
    return _render("vault", server=server)


def vault_agent(agent: VaultAgent) -> str:
    """Write the configuration of Vault's agent; the secrets that it fetches are not in it."""
    return _render("vault-agent", agent=agent)


def _render(name: str, **values: object) -> str:
    return environment(Path(__file__).parent).get_template(f"{name}.hcl.j2").render(**values)
