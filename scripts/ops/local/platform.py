"""The Platform record of a laptop: pure, so that `berth render local` works before anything was booted."""

from nomad_jobs.platform import Driver, NodePool, Platform
from scripts.ops.local.settings import GPUS_PER_NODE, Settings

DATACENTER = "dc1"
REGION = "global"
MAX_KILL_TIMEOUT_S = 600
FIRST_POOL, OTHER_POOL = "default", "more"


def local_platform(settings: Settings) -> Platform:
    """Say where things run: everything on loopback, GPUs emulated.

    The nodes share one address, so the fixed ports of NGINX can be had on one of them alone: the first, in the pool
    `default`, where jobs that are not ours go too. The others are in `more`; our services run in `all` of them.
    """
    anywhere = NodePool(name="all", nodes=settings.nodes, gpus_per_node=GPUS_PER_NODE, gpu_model="mock")
    ingress = NodePool(name=FIRST_POOL, nodes=1, gpus_per_node=GPUS_PER_NODE, gpu_model="mock")
    return Platform(
        stack="local",
        region=REGION,
        datacenter=DATACENTER,
        driver=Driver.RAW_EXEC,
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
    )
