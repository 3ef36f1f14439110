"""The processes of a laptop's containers: Docker runs them, so they are no children of the platform's own."""

from contextlib import suppress

import psutil

from nomad_jobs.errors import BerthError
from scripts.ops.local.containers import network
from scripts.ops.local.settings import Containers


def holders(containers: Containers) -> set[int]:
    """Give the ids of Docker's processes that listen on this machine for a container of the network.

    Those are proxies, or the daemon itself where proxies are off. None where Docker does not answer.
    """
    try:
        ours = network.published(network.containers_in(containers))
    except BerthError:
        return set()
    found = psutil.net_connections("inet")
    return {one.pid for one in found if one.pid and one.laddr and (one.laddr.ip, one.laddr.port) in ours}


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
