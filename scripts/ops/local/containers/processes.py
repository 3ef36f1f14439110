"""The processes of a laptop's containers: Docker runs them, so they are no children of the platform's own."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network

import psutil

from scripts.ops.local.containers import network
from scripts.ops.local.settings import Containers

_PROXY = "docker-proxy"
_TARGET = "-container-ip"


def proxies(containers: Containers) -> set[int]:
    """Give the ids of Docker's processes that listen on this machine for a container of the network."""
    subnet = IPv4Network(containers.subnet)
    return {pid for pid, target in _targets() if target in subnet}


def tasks(containers: Containers) -> list[psutil.Process]:
    """List the processes inside the network's containers.

    Raises:
        BerthError: Docker does not answer.

    """
    found: list[psutil.Process] = []
    for container in network.containers_in(containers):
        with suppress(psutil.Error):  # it has just ended
            main = psutil.Process(container.attrs["State"]["Pid"])
            found += [main, *main.children(recursive=True)]
    return found


def _targets() -> Iterator[tuple[int, IPv4Address]]:
    """Yield each of Docker's proxies, and the address of its container."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ValueError):
            if process.name() == _PROXY:
                words = process.cmdline()
                yield process.pid, IPv4Address(words[words.index(_TARGET) + 1])
