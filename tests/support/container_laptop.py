"""A laptop whose services run as containers: with a Docker daemon, a network and a firewall that only it has."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nomad_jobs.model import Service
from scripts.ops.local.containers import images
from scripts.ops.local.setup.serve import supply_images
from scripts.ops.local.state import State
from tests.support.docker import Docker, docker
from tests.support.laptop import Laptop, laptop, quiet
from tests.support.machines.namespaces import Namespace
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerLaptop:
    """A booted platform, and its daemon."""

    laptop: Laptop
    docker: Docker
    namespace: Namespace

    def containers(self) -> set[str]:
        """Give the ids of those that run."""
        return set(self.docker("ps", "--quiet", "--no-trunc").split())

    def rules(self) -> str:
        """Write out the firewall of its network; from inside."""
        return subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout


@contextmanager
def container_laptop(
    folder: Path, namespace: Namespace, services: Sequence[Service] = (), nodes: int = 1, mirror: str = ""
) -> Iterator[ContainerLaptop]:
    """Boot one in a `namespace`; its registry has the images of the front door, of test services and of `services`.

    Who asks one of its addresses does so from inside. The namespace has no way out, so that nothing in it depends on
    this machine's firewall, or on the internet; images are built outside.
    """
    with namespace.outside():
        built = images.build((FRONT_DOOR, web("any"), *services), State(folder), quiet())
    with ExitStack() as stack:
        with namespace.inside():
            daemon = stack.enter_context(docker(folder, makes_networks=True, mirror=mirror))
            booted = stack.enter_context(laptop(nodes, daemon=daemon.host))
            pins = supply_images(built, booted.state, booted.target, quiet())
        yield ContainerLaptop(laptop=replace(booted, pins=pins), docker=daemon, namespace=namespace)
        with namespace.inside():
            stack.close()
