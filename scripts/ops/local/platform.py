"""The Platform record of a laptop: a pure function, so `berth render local` works before the first boot."""

from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import LOCAL, WORKLOAD_BUCKETS, Aws, ContainerNetwork, Driver, NodePool, Platform
from scripts.ops.local.settings import GPUS_PER_NODE, Settings

DATACENTER = "dc1"
REGION = "global"
FIRST_POOL = "default"
OTHER_POOL = "more"
WORKLOAD_ROLE = f"arn:aws:iam::123456789012:role/berth-{LOCAL}-workload"
"""moto's account, and the name that a cloud stack's role has."""
LOOPBACK = "loopback"
"""Nomad's host network of 127.0.0.1, where containers are on."""


def local_platform(settings: Settings) -> Platform:
    """Describe the platform: everything on loopback, GPUs emulated.

    The nodes share one address, so only one of them can have NGINX's fixed ports: the first, in the pool `default`,
    where jobs that are not ours run too. The others are in `more`; our services run in `all` of them.
    """
    anywhere = NodePool(name="all", nodes=settings.nodes, gpus_per_node=GPUS_PER_NODE, gpu_model="mock")
    ingress = NodePool(name=FIRST_POOL, nodes=1, gpus_per_node=GPUS_PER_NODE, gpu_model="mock")
    return Platform(
        stack=LOCAL,
        region=REGION,
        datacenter=DATACENTER,
        driver=Driver.DOCKER if settings.containers else Driver.RAW_EXEC,
        gpu_device="nomad/file",
        nomad_url=settings.nomad_url,
        consul_url=settings.consul_url,
        vault_url=settings.vault_url,
        domain="localhost",
        http_port=settings.port("http"),
        https_port=settings.port("https"),
        entry="127.0.0.1",
        tls_routes=False,
        max_kill_timeout_s=MAX_KILL_TIMEOUT_S,
        pools={"app": anywhere, "gpu": anywhere, "ingress": ingress},
        buckets={name: f"berth-{LOCAL}-{name}" for name in sorted(WORKLOAD_BUCKETS)},
        aws=Aws(workload_role=WORKLOAD_ROLE, url=settings.aws_url),
        container_network=_network(settings),
    )


def _network(settings: Settings) -> ContainerNetwork | None:
    containers = settings.containers
    if containers is None:
        return None
    return ContainerNetwork(name=containers.network, fixed_ports=LOOPBACK, registry=settings.registry)
