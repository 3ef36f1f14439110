"""A network of their own for the machines: a bridge, and a namespace for each."""

import os
import subprocess
from pathlib import Path

ADDRESS = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
"""First three numbers of every address; another test's process has others."""
BRIDGE = f"bt{os.getpid() % 10000}"
GATEWAY = f"{ADDRESS}.1"
"""This side of the bridge: where the test, and the stand-in for AWS, are."""
WITH_US = ("/usr/bin/setpriv", "--pdeathsig", "KILL")
"""Starts a program that ends with this process, even where a test run is killed."""


def make() -> None:
    """Make the bridge, after what a killed run with the same number may have left."""
    _forget()
    # An address of its own: else it takes its members' lowest, and each that comes or goes may cut off the others.
    ip("link", "add", BRIDGE, "address", "02:00:00:00:00:01", "type", "bridge")
    ip("addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")


def remove() -> None:
    """Remove the bridge."""
    ip("link", "delete", BRIDGE)


def namespace(address: str) -> str:
    """Make a namespace with one address on the network, and AWS's metadata address on its loopback; give its name."""
    name = f"{BRIDGE}-{address.rpartition('.')[2]}"
    ip("netns", "add", name)
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("link", "set", name, "master", BRIDGE, "up")
    for argv in (
        ("addr", "add", f"{address}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
        ("addr", "add", "169.254.169.254/32", "dev", "lo"),
        ("route", "add", "default", "via", GATEWAY),
    ):
        ip("-n", name, *argv)
    return name


def release(name: str) -> None:
    """Take a namespace off the network, whatever may still hold it for a moment."""
    ip("link", "delete", name)
    ip("netns", "delete", name)


def _forget() -> None:
    listed = subprocess.run(("/usr/sbin/ip", "netns", "list"), capture_output=True, text=True, check=True).stdout
    for name in (line.split()[0] for line in listed.splitlines()):
        if name.startswith(f"{BRIDGE}-"):
            ip("netns", "delete", name)
    if Path("/sys/class/net", BRIDGE).exists():
        ip("link", "delete", BRIDGE)


def ip(*argv: str) -> None:
    """Run `ip`."""
    subprocess.run(("/usr/sbin/ip", *argv), check=True)
