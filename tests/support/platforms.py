"""Platforms to render for, and the catalogue on them: a laptop with and without containers, a cloud stack with H200."""

from nomad_jobs.catalog import SERVICES
from nomad_jobs.images import Pins
from nomad_jobs.platform import Driver, NodePool, Platform
from nomad_jobs.resolve import resolve
from nomad_jobs.services.ingress import INGRESS
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Containers, Settings

LAPTOP = local_platform(Settings())
CONTAINERS = local_platform(Settings(containers=Containers()))

CLOUD = Platform(
    stack="prod",
    region="eu-west-1",
    datacenter="eu-west-1",
    namespace="default",
    driver=Driver.DOCKER,
    gpu_device="nvidia/gpu",
    nomad_url="https://nomad.service.consul:4646",
    consul_url="https://127.0.0.1:8501",
    vault_url="https://vault.service.consul:8200",
    ca_file="/etc/berth/ca.pem",
    domain="example.com",
    http_port=80,
    https_port=443,
    entry="ingress.example.com",
    max_kill_timeout_s=600,
    pools={
        "app": NodePool(name="app", nodes=2),
        "gpu": NodePool(name="gpu-h200", nodes=1, gpus_per_node=8, gpu_model="NVIDIA H200"),
        "ingress": NodePool(name="ingress", nodes=2),
    },
    buckets={"models": "example-models"},
)

ON_LAPTOP = resolve(SERVICES, LAPTOP.stack, LAPTOP.driver).services
ON_CONTAINERS = resolve(SERVICES, CONTAINERS.stack, CONTAINERS.driver).services
IN_CLOUD = resolve(SERVICES, CLOUD.stack, CLOUD.driver).services
FRONT_DOOR = INGRESS.on(LAPTOP.stack)


def test_pins(*references: str) -> Pins:
    """Pin images to digests that no registry ever gave: all zeros, for tests alone."""
    return Pins(dict.fromkeys(references, "sha256:" + "0" * 64))


test_pins.__test__ = False  # type: ignore[attr-defined]
