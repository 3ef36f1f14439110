"""Machines on the premises: what one of them needs to join the stack as a client, written as files in our bucket.

They connect over a VPN, from `berth:on_prem_cidrs`, and find the servers by their addresses, which do not change. Such
a machine has no IAM role to log in with, so an operator puts three things beside the files: a certificate, the agents'
secrets, and Nomad's introduction. The README among the files says how to get each from Vault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import s3

from infra import agents
from infra.agents import render
from infra.agents.render import PORTS
from infra.compute.agent_configs import DRAIN_S, private_zone
from infra.compute.node_files import NODE_TLS, REGISTRY_LOGIN
from infra.holdings.names import ADDRESS, NODE
from infra.label import Label
from infra.machine.nodes import DOCKER_CONFIG
from infra.network.ports import BY_NAME
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import Driver
from nomad_jobs.registry import REGISTRY
from nomad_jobs.text import render as render_text

POOL = "on-premises"
"""Nomad's node pool of these machines, when no other is named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnPremSite:
    """The stack, as seen from the premises."""

    label: Label
    region: str
    server_addresses: tuple[str, ...]
    pool: str = POOL
    has_gpus: bool = True

    @property
    def vault_url(self) -> str:
        """Vault's URL; the VPN's resolver must know the stack's zone, or /etc/hosts the name."""
        return f"https://vault.{private_zone(self.label)}:{PORTS['vault_api']}"


def files(site: OnPremSite) -> Mapping[str, str]:
    """Write the files, by name."""
    return {"consul.hcl": _consul(site), "nomad.hcl": _nomad(site), "README.md": _readme(site)}


@dataclass(frozen=True, kw_only=True, slots=True)
class OnPremArgs:
    """The bucket of the files, and what they name."""

    label: Label
    region: str
    bucket: Input[str]
    server_addresses: Sequence[Input[str]]


class OnPrem(pulumi.ComponentResource):
    """The files, under `on-premises/` in the bucket of programs."""

    def __init__(self, name: str, args: OnPremArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:on_prem:OnPrem", name, None, opts)

        def write(known: Sequence[str]) -> Mapping[str, str]:
            return files(OnPremSite(label=args.label, region=args.region, server_addresses=tuple(known)))

        written = Output.all(*args.server_addresses).apply(write)
        for file in ("README.md", "consul.hcl", "nomad.hcl"):
            s3.BucketObjectv2(
                f"{name}-{file}",
                bucket=args.bucket,
                key=f"on-premises/{file}",
                content=written[file],
                content_type="text/plain; charset=utf-8",
                tags=args.label.tags("on-premises"),
                opts=ResourceOptions(parent=self),
            )
        self.register_outputs({})


def _consul(site: OnPremSite) -> str:
    return render.consul(
        render.ConsulAgent(
            name=NODE,
            datacenter=site.region,
            data_dir="/data/consul",
            bind_addr=ADDRESS,
            ports=PORTS,
            retry_join=site.server_addresses,
            tls=NODE_TLS,
        )
    )


def _nomad(site: OnPremSite) -> str:
    dynamic = BY_NAME["dynamic"]
    rpc = PORTS["nomad_rpc"]
    client = render.NomadClient(
        node_pool=site.pool,
        driver=Driver.DOCKER,
        servers=tuple(f"{address}:{rpc}" for address in site.server_addresses),
        dynamic_first=dynamic.first,
        dynamic_last=dynamic.last,
        max_kill_timeout_s=MAX_KILL_TIMEOUT_S,
        nvidia=site.has_gpus,
        models_dir="/data/models" if site.has_gpus else "",
        docker_config=str(DOCKER_CONFIG),
        drain_s=DRAIN_S,
    )
    return render.nomad(
        render.NomadAgent(
            name=NODE,
            region=site.region,
            datacenter=site.region,
            data_dir="/data/nomad",
            bind_addr=ADDRESS,
            advertise_addr=ADDRESS,
            ports=PORTS,
            consul_addr=f"127.0.0.1:{PORTS['consul_https']}",
            vault_url=site.vault_url,
            client=client,
            plugin_dir="/opt/nomad/plugins",
            tls=NODE_TLS,
        )
    )


def _readme(site: OnPremSite) -> str:
    values = {
        "prefix": site.label.prefix,
        "region": site.region,
        "pool": site.pool,
        "tls": NODE_TLS,
        "docker_config": DOCKER_CONFIG,
        "login": REGISTRY_LOGIN,
        "registry": REGISTRY.host,
    }
    return render_text(Path(agents.__file__).parent, "on-premises.md.j2", values)
