"""The Docker network of a laptop's containers: on a bridge of its own, in a subnet that nobody here uses."""

import hashlib
import json
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from nomad_jobs.errors import BerthError
from scripts.ops.local.containers import firewall
from scripts.ops.local.containers.daemon import connected, said
from scripts.ops.local.settings import Containers
from scripts.ops.toolchain import system_packages

_CANDIDATES = IPv4Network("10.213.0.0/16")
_SIZE = 24
_WIDE = 13
_MARK = "berth.state"
"""Label of a network: the state directory of its platform."""
_ALLOCATION = "com.hashicorp.nomad.alloc_id"
_OVERLAP = "overlaps"
_STOP_S = 10


def name_of(root: Path) -> str:
    """Name the network of the platform in `root`: platforms side by side each have one."""
    return f"berth-{_hash(root)[:8]}"


def _hash(root: Path) -> str:
    return hashlib.sha256(str(root).encode()).hexdigest()


def hold(wanted: Containers, root: Path) -> Containers:
    """Make the network unless it is there; give it as it is, since its subnet may have to be another one.

    Raises:
        BerthError: Docker does not answer or refuses, has lost its firewall rules, or every subnet is taken.

    """
    with connected(wanted.daemon) as client:
        _refuse_without_rules(client.info())
        network = _find(client, wanted.network) or _make(client, wanted, root)
        _refuse_foreign(network, root)
        (pool,) = network.attrs["IPAM"]["Config"]
    return replace(wanted, subnet=str(pool["Subnet"]))


def containers_in(wanted: Containers) -> list[Any]:
    """List the containers of the network that run: of Nomad's tasks and of nobody else."""
    with connected(wanted.daemon) as client:
        return list(client.containers.list(filters={"network": wanted.network}))


def remove_strays(wanted: Containers, alive: Collection[str]) -> list[str]:
    """Remove the network's containers whose allocation is not among those `alive`; give their names.

    A daemon that keeps containers while it restarts (`live-restore`) leaves them running beside those that Nomad has
    started in their place.
    """
    strays = [one for one in containers_in(wanted) if one.labels.get(_ALLOCATION, "") not in alive]
    for container in strays:
        with suppress(NotFound):
            container.remove(force=True, v=True)
    return [str(one.name) for one in strays]


def published(running: Iterable[Any]) -> set[tuple[str, int]]:
    """Give address and port of all that is published on this machine for these containers."""
    found: set[tuple[str, int]] = set()
    for container in running:
        for bindings in (container.attrs["NetworkSettings"]["Ports"] or {}).values():
            found |= {(one["HostIp"], int(one["HostPort"])) for one in bindings or ()}
    return found


def remove(wanted: Containers, registry: str) -> None:
    """Remove the network, the containers that a crash left in it, and the images that came from its registry."""
    with connected(wanted.daemon) as client:
        for container in client.containers.list(all=True, filters={"network": wanted.network}):
            with suppress(NotFound):
                container.remove(force=True, v=True)
        if network := _find(client, wanted.network):
            network.remove()
        for image in client.images.list():
            for name in (*image.tags, *(image.attrs.get("RepoDigests") or ())):
                if name.startswith(f"{registry}/"):
                    with suppress(APIError):  # a container of somebody else's uses it
                        client.images.remove(name)


def free(subnets: Iterable[IPv4Network], *, wider_than: int = 1) -> Iterator[IPv4Network]:
    """Leave out subnets that this machine has a route into: a VPN, an office's network, another bridge.

    Routes with a prefix shorter than `wider_than` do not count.
    """
    taken = [network for network in _routed() if network.prefixlen >= wider_than]
    yield from (subnet for subnet in subnets if not any(subnet.overlaps(one) for one in taken))


def _find(client: docker.DockerClient, name: str) -> Network | None:
    return next((one for one in client.networks.list(names=[name]) if one.name == name), None)


def _refuse_without_rules(info: dict[str, Any]) -> None:
    """Refuse a daemon whose own firewall rules are gone: it would publish no port of a new container."""
    backend = (info.get("FirewallBackend") or {}).get("Driver", "iptables")
    if backend.startswith("iptables") and not firewall.has_dockers_rules():
        what = "its own firewall rules are gone, or it may write none: no port of a new container would answer"
        raise BerthError("Docker", what, "restart Docker, which writes them again; `iptables: false` must not be set")


def _refuse_foreign(network: Network, root: Path) -> None:
    if (network.attrs.get("Labels") or {}).get(_MARK) != str(root):
        fix = f"`docker network rm {network.name}` removes it, if nothing needs it"
        raise BerthError(f"Docker network {network.name}", "is there already, and not this platform's", fix)


def _make(client: docker.DockerClient, wanted: Containers, root: Path) -> Network:
    """Make it in the subnet that it had, or else in the first one that is free; Docker has the last word on that."""
    choices = (IPv4Network(wanted.subnet), *_candidates(root))
    # Last of all come those inside a wide route, of a VPN for example: 256 of its addresses are then ours.
    for subnet in (*free(choices), *free(choices, wider_than=_WIDE)):
        pool = IPAMPool(subnet=str(subnet), gateway=replace(wanted, subnet=str(subnet)).address)
        try:
            client.networks.create(
                wanted.network,
                driver="bridge",
                ipam=IPAMConfig(pool_configs=[pool]),
                options={"com.docker.network.bridge.name": wanted.network},
                labels={_MARK: str(root)},
            )
        except APIError as error:
            if _OVERLAP in said(error):
                continue
            raise
        if network := _find(client, wanted.network):
            return network
    fix = "remove Docker networks that nobody needs: `docker network prune`"
    raise BerthError(f"Docker network {wanted.network}", f"no subnet of {_CANDIDATES} is free", fix)


def _candidates(root: Path) -> Iterator[IPv4Network]:
    """Yield all candidates, beginning at one that depends on `root`: platforms side by side seldom try the same."""
    all_of_them = list(_CANDIDATES.subnets(new_prefix=_SIZE))
    first = int(_hash(root), 16) % len(all_of_them)
    yield from (*all_of_them[first:], *all_of_them[:first])


def _routed() -> list[IPv4Network]:
    program = system_packages.find("ip")
    words = ["-json", "-4", "route", "show", "table", "all"]
    done = subprocess.run([str(program or "ip"), *words], capture_output=True, text=True, timeout=_STOP_S, check=False)
    rows = json.loads(done.stdout or "[]")
    destinations = [str(row.get("dst", "default")) for row in rows]
    return [IPv4Network(one) for one in destinations if one[:1].isdigit()]
