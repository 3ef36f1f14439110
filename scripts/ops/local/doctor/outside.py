"""Asks the platform as a neighbour would: from a network namespace that routes everything to this machine."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network

from nomad_jobs.errors import BerthError
from scripts.ops.local.containers.network import free
from scripts.ops.toolchain import system_packages

Place = tuple[str, int]
"""Address and port."""
_LINKS = tuple(map(IPv4Network, ("198.51.100.0/30", "203.0.113.0/30", "192.0.2.0/30", "10.214.0.0/30")))
"""Where the neighbour may be: addresses for documentation first, which nobody has."""
_LIMIT_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a neighbour found."""

    asked: int
    reached: tuple[Place, ...]
    is_heard: bool
    """Whether the neighbour reached what stood open to it; if not, it proves nothing that it reached nothing else."""


def look(places: Iterable[Place]) -> Seen:
    """Try all `places` as a neighbour; one on loopback is tried at this machine's address on the neighbour's link.

    Raises:
        BerthError: no neighbour can be made: this user is not root, or the kernel lacks namespaces.

    """
    with _neighbour() as (namespace, ours), socket.create_server((ours, 0)) as control:
        open_port = control.getsockname()[1]
        named = {(ours if address.startswith("127.") else address, port) for address, port in places}
        answered = _ask(namespace, [(ours, open_port), *sorted(named)])
    reached = tuple(one for one in answered if one != (ours, open_port))
    return Seen(asked=len(named), reached=reached, is_heard=(ours, open_port) in answered)


@contextmanager
def _neighbour() -> Iterator[tuple[str, str]]:
    """Make a namespace with one link to this machine, by which it routes everything; give its name and our address."""
    name = f"berth-{secrets.token_hex(4)}"
    link = next(free(_LINKS), None)
    if link is None:
        raise BerthError("neighbour", "none of the addresses for it is free", "look at `ip route show table all`")
    ours, theirs = (str(host) for host in link.hosts())
    card = f"b{name[-8:]}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("addr", "add", f"{ours}/{link.prefixlen}", "dev", card)
        _ip("link", "set", card, "up")
        _ip("-n", name, "addr", "add", f"{theirs}/{link.prefixlen}", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", "default", "via", ours)
        yield name, ours
    finally:
        with suppress(BerthError):
            _ip("netns", "delete", name)


def _ask(namespace: str, places: list[Place]) -> set[Place]:
    argv = ("netns", "exec", namespace, sys.executable, "-m", "scripts.ops.local.doctor.neighbour")
    return {(address, port) for address, port in json.loads(_ip(*argv, text=json.dumps(places)))}


def _ip(*words: str, text: str = "") -> str:
    program = system_packages.find("ip")
    if program is None or os.geteuid() != 0:
        raise BerthError("neighbour", "cannot be made: that needs root and iproute2", "run `sudo -E berth doctor`")
    try:
        done = subprocess.run(
            [str(program), *words], input=text, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BerthError("neighbour", f"gave no answer within {_LIMIT_S} s", "try again") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-200:]
        raise BerthError("neighbour", f"`ip {' '.join(words[:3])}` failed: {said}", "run it by hand and look")
    return done.stdout
