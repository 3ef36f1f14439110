"""Private networks: those that no address of the internet is in."""

from ipaddress import IPv4Network

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""RFC 1918's, and the shared one of RFC 6598."""


def is_private(network: IPv4Network) -> bool:
    """Whether all of `network` is private."""
    return any(network.subnet_of(wide) for wide in PRIVATE)
