"""A laptop with containers that runs public images, under their publishers' names, from a mirror of Docker Hub."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nomad_jobs.images import Pins
from scripts.ops.local.setup.seed import seed
from tests.support import public_images
from tests.support.container_laptop import container_laptop
from tests.support.docker import Docker
from tests.support.laptop import Laptop
from tests.support.machines.namespaces import Namespace
from tests.support.platforms import FRONT_DOOR
from tests.support.registry import registry


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicLaptop:
    """A booted platform with two nodes, its daemon, and the network that only those inside reach."""

    laptop: Laptop
    docker: Docker
    namespace: Namespace


@contextmanager
def public_laptop(folder: Path) -> Iterator[PublicLaptop]:
    """Boot one, with the front door."""
    built = public_images.build()
    namespace = Namespace()
    hub_folder = folder / "hub"
    hub_folder.mkdir()
    with ExitStack() as stack:
        with namespace.inside():
            hub = stack.enter_context(registry(hub_folder))
            pins = public_images.publish(built, hub.address)
        mirror = f"http://{hub.address}"
        there = stack.enter_context(container_laptop(folder, namespace, nodes=2, mirror=mirror))
        laptop = replace(there.laptop, pins=Pins({**there.laptop.pins, **pins}))
        with namespace.inside():
            seed([FRONT_DOOR], laptop.platform, laptop.target.vault, laptop.state.keys)
            laptop.deploy(FRONT_DOOR)
        yield PublicLaptop(laptop=laptop, docker=there.docker, namespace=namespace)
