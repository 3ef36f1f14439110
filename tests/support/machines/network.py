"""The machines' own network: a bridge in its own namespace, and a namespace for each machine.

Docker, ufw and firewalld write firewall rules for the namespace that they run in, and those apply to a bridge there.
So no part of this network is in it: the bridge, AWS's stand-in and the thread of the test share another namespace.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.support.machines.namespaces import Namespace, ip

ADDRESS = "10.200.0"
"""First three numbers of every address. Tests in other processes use the same addresses, in their own namespaces."""
GATEWAY = f"{ADDRESS}.1"
"""The bridge's own address, and that of the test and of the stand-in for AWS."""
WITH_US = ("/usr/bin/setpriv", "--pdeathsig", "KILL")
"""Starts a program that ends with this process, even where a test run is killed."""
_BRIDGE = "machines"
_PROBES = (f"{ADDRESS}.253", f"{ADDRESS}.254")
_PATIENCE_S = 3
_FIX = (
    "firewalls' rules do not hold in its new namespaces, so something else on this machine judges packets: look at "
    "`bpftool cgroup tree` and at IPAddressDeny= of the systemd unit that runs the tests, and run them outside of it"
)


@dataclass(kw_only=True)
class Network:
    """The bridge's namespace, and those of the machines by address."""

    router: Namespace = field(default_factory=Namespace)
    members: dict[str, Namespace] = field(default_factory=dict)

    def join(self, address: str) -> Namespace:
        """Make a namespace with one address on the network, and AWS's metadata address on its loopback."""
        made = self.members[address] = Namespace()
        port = _port(address)
        with made.inside():
            ip("link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.router.path)
            ip("addr", "add", f"{address}/24", "dev", "eth0")
            ip("link", "set", "eth0", "up")
            ip("addr", "add", "169.254.169.254/32", "dev", "lo")
            ip("route", "add", "default", "via", GATEWAY)
        with self.router.inside():
            ip("link", "set", port, "master", _BRIDGE, "up")
        return made

    def leave(self, address: str) -> None:
        """Take a namespace off the network, even if a process still holds it for a moment."""
        with self.router.inside():
            ip("link", "delete", _port(address))
        self.members.pop(address).close()

    def prove(self) -> None:
        """Connect two machines and the gateway with each other, so that a firewall is noticed at once.

        Raises:
            ConnectionError: a connection fails; the message says to where, and what to look at.

        """
        with ExitStack() as left:
            first, second = (self.join(address) for address in _PROBES)
            for address in _PROBES:
                left.callback(self.leave, address)
            _connect(first, second, _PROBES[1])
            _connect(first, self.router, GATEWAY)
            _connect(self.router, second, _PROBES[1])


@contextmanager
def network() -> Iterator[Network]:
    """Make the network, check that packets pass, move this thread to its gateway; remove everything at the end."""
    made = Network()
    with ExitStack() as left:
        left.callback(made.router.close)
        left.enter_context(made.router.inside())
        # Without this address it takes its members' lowest, which changes as they join and leave, and cuts off others.
        ip("link", "add", _BRIDGE, "address", "02:00:00:00:00:01", "type", "bridge")
        ip("addr", "add", f"{GATEWAY}/24", "dev", _BRIDGE)
        ip("link", "set", _BRIDGE, "up")
        made.prove()
        yield made


def _port(address: str) -> str:
    return f"port-{address.rpartition('.')[2]}"


def _connect(caller: Namespace, listener: Namespace, address: str) -> None:
    with listener.inside():
        server = socket.create_server((address, 0))
    with server, caller.inside():
        try:
            socket.create_connection(server.getsockname(), timeout=_PATIENCE_S).close()
        except OSError as error:
            raise ConnectionError(f"the machines' network does not reach {address} ({error}): {_FIX}") from None
