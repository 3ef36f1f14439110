"""The Platform record of a laptop: pure, so that `berth render local` works before anything was booted."""

from nomad_jobs.platform import Driver, NodePool, Platform
from scripts.ops.local.settings import GPUS_PER_NODE, Settings

DATACENTER = "dc1"
REGION = "global"
MAX_KILL_TIMEOUT_S = 600


def local_platform(settings: Settings) -> Platform:
    """Say where things run: everything on loopback, GPUs emulated, one node pool for all."""
    pool = NodePool(name="default", nodes=settings.nodes, gpus_per_node=GPUS_PER_NODE, gpu_model="mock")
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
        pools={"app": pool, "gpu": pool, "ingress": pool},
    )
