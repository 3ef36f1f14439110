"""The agents' configurations on each kind of cloud machine: complete except for what only the machine knows."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.access.arns import parameter_folder
from infra.agents import render
from infra.agents.render import PORTS, Kms, Tls
from infra.compute.node_files import NODE_TLS, node_files
from infra.compute.pools import PoolConfig
from infra.holdings.names import ADDRESS, JOINS_TAG, NODE, SERVER_CERTIFICATE, SERVER_KEY
from infra.label import Label
from infra.machine.facts import Download
from infra.machine.nodes import DOCKER_CONFIG
from infra.network.ports import BY_NAME, MachineKind
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import Driver

DRAIN_S = MAX_KILL_TIMEOUT_S
"""How long a node that is to terminate lets its jobs finish: as long as any may take to stop."""
_SERVER_TLS = Tls(ca_file=NODE_TLS.ca_file, cert_file=SERVER_CERTIFICATE, key_file=SERVER_KEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineContext:
    """What all machines of a stack have in common."""

    label: Label
    region: str
    account_id: str
    domain: str
    bucket: str
    """Name of the bucket with programs."""
    state_key_arn: str
    program: Download
    """The machines' own program (`infra.machine`)."""
    programs: Mapping[str, Download]

    @property
    def zone(self) -> str:
        """The private DNS zone with the servers' names."""
        return private_zone(self.label)

    @property
    def parameters(self) -> str:
        """The stack's folder in Parameter Store."""
        return parameter_folder(self.label, self.state_key_arn)

    @property
    def tagged(self) -> str:
        """How Consul's and Vault's agents find the servers: by EC2's tags."""
        return f"provider=aws region={self.region} tag_key={JOINS_TAG} tag_value={self.label.prefix}"

    @property
    def nomad_join(self) -> tuple[str, ...]:
        """How Nomad's agents find its servers: by tags, or by name when EC2's API is out of reach.

        Nomad 1.11.1 calls EC2 at its dual-stack name only, and an interface endpoint has only the plain one. So Nomad
        runs the machine's own program, which looks up the same tags.
        """
        return ("exec=/usr/bin/python3 /opt/berth/machine.pyz servers", f"nomad.{self.zone}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerBoot:
    """The server of a slot; that of slot 0 bootstraps the clusters."""

    context: MachineContext
    slot: int
    group: str
    volume_id: str
    vault_key_arn: str
    nomad_key_arn: str
    role_arns: Mapping[str, str]
    """ARN of each IAM role that may log in to Vault, by the name of the Vault role."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeBoot:
    """A node of a pool."""

    context: MachineContext
    pool: PoolConfig
    kind: MachineKind
    group: str


def private_zone(label: Label) -> str:
    """Name the DNS zone of a stack's servers."""
    return f"{label.stack}.berth.internal"


def server_name(slot: int) -> str:
    """Name the server of a slot, whichever machine it is."""
    return f"server-{slot}"


def issuer(domain: str) -> str:
    """Name the issuer of Nomad's identities; it cannot be changed later, so it names no machine and no port."""
    return f"https://nomad.{domain}"


def server_agents(boot: ServerBoot) -> dict[str, str]:
    """Write the configurations of a server's agents, by program."""
    name = server_name(boot.slot)
    return {
        "consul": _consul(boot.context, name, is_server=True),
        "vault": _vault(boot),
        "nomad": _nomad_server(boot),
    }


def node_agents(boot: NodeBoot) -> dict[str, str]:
    """Write the configurations of a node's agents, by program."""
    return {
        "consul": _consul(boot.context, NODE, is_server=False),
        "nomad": _nomad_client(boot),
        "vault-agent": _vault_agent(boot),
    }


def _consul(context: MachineContext, name: str, *, is_server: bool) -> str:
    return render.consul(
        render.ConsulAgent(
            name=name,
            datacenter=context.region,
            data_dir="/data/consul",
            bind_addr=ADDRESS,
            ports=PORTS,
            server=is_server,
            retry_join=(context.tagged, f"consul.{context.zone}"),
            tls=_SERVER_TLS if is_server else NODE_TLS,
        )
    )


def _vault(boot: ServerBoot) -> str:
    return render.vault(
        render.VaultServer(
            name=server_name(boot.slot),
            data_dir="/data/vault",
            bind_addr=ADDRESS,
            api_url=f"https://{ADDRESS}:{PORTS['vault_api']}",
            cluster_url=f"https://{ADDRESS}:{PORTS['vault_cluster']}",
            ports=PORTS,
            retry_join=(boot.context.tagged,),
            tls=_SERVER_TLS,
            tls_name=f"vault.{boot.context.zone}",
            kms=Kms(region=boot.context.region, key_id=boot.vault_key_arn),
        )
    )


def _nomad_server(boot: ServerBoot) -> str:
    kms = Kms(region=boot.context.region, key_id=boot.nomad_key_arn)
    server = render.NomadServer(issuer=issuer(boot.context.domain), retry_join=boot.context.nomad_join, kms=kms)
    return _nomad(boot.context, server_name(boot.slot), _SERVER_TLS, server=server)


def _nomad_client(boot: NodeBoot) -> str:
    dynamic = BY_NAME["dynamic"]
    client = render.NomadClient(
        node_pool=boot.pool.name,
        driver=Driver.DOCKER,
        servers=boot.context.nomad_join,
        dynamic_first=dynamic.first,
        dynamic_last=dynamic.last,
        max_kill_timeout_s=MAX_KILL_TIMEOUT_S,
        nvidia=boot.pool.type.gpu is not None,
        models_dir="/data/models" if boot.pool.type.gpu else "",
        docker_config=str(DOCKER_CONFIG),
        drain_s=DRAIN_S,
    )
    return _nomad(boot.context, NODE, NODE_TLS, client=client)


def _nomad(
    context: MachineContext,
    name: str,
    tls: Tls,
    *,
    server: render.NomadServer | None = None,
    client: render.NomadClient | None = None,
) -> str:
    return render.nomad(
        render.NomadAgent(
            name=name,
            region=context.region,
            datacenter=context.region,
            data_dir="/data/nomad",
            bind_addr=ADDRESS,
            advertise_addr=ADDRESS,
            ports=PORTS,
            consul_addr=f"127.0.0.1:{PORTS['consul_https']}",
            vault_url=f"https://vault.{context.zone}:{PORTS['vault_api']}",
            server=server,
            client=client,
            plugin_dir="/opt/nomad/plugins" if client else "",
            tls=tls,
        )
    )


def _vault_agent(boot: NodeBoot) -> str:
    context = boot.context
    login = f"arn:aws:sts::{context.account_id}:assumed-role/{context.label.name(f'machine-{boot.kind}')}/{NODE}"
    return render.vault_agent(
        render.VaultAgent(
            vault_url=f"https://vault.{context.zone}:{PORTS['vault_api']}",
            ca_file=NODE_TLS.ca_file,
            role=boot.kind.value,
            region=context.region,
            server_id=context.label.prefix,
            files=node_files(context.region, login),
        )
    )
