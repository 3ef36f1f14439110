"""Generates stacks that somebody might write, as changes to the stack files, for property tests."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

_REGION = "us-east-1"
_PEOPLE = {
    "url": "https://gitlab.example.com",
    "client_id": "0a1b2c3d",
    "network": "192.168.9.0/24",
    "operator": "platform/operators",
}


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Settings that could be written, in either stack file."""
    prefix = draw(st.integers(16, 22))
    zones = [f"{_REGION}{letter}" for letter in draw(st.permutations("abcdef"))[: draw(st.integers(3, 4))]]
    nat = draw(st.sampled_from(["none", "single", "per_zone"]))
    endpoints = ["ec2", "autoscaling", "kms", "sts", "ssm", "ssmmessages", "ec2messages", "logs", "ecr.api", "ecr.dkr"]
    return {
        "cidr": f"10.{draw(st.integers(0, 255))}.0.0/{prefix}",
        "zones": zones,
        "nat": nat,
        "ipv6": draw(st.booleans()),
        "servers": draw(st.sampled_from([3, 5])),
        "protect": draw(st.booleans()),
        "interface_endpoints": endpoints if nat == "none" else endpoints[: draw(st.integers(7, 10))],
        "egress_ports": draw(st.lists(st.integers(1, 65535), max_size=3, unique=True)),
        "on_prem_cidrs": draw(st.lists(st.sampled_from(["192.168.7.0/24", "172.20.0.0/16"]), unique=True)),
        "hosted_zone_id": draw(st.none() | st.just("Z0123456789ABCDEFGHIJ")),
        "people": draw(st.none() | st.just(_PEOPLE)),
        "pools": list(_pools(draw, zones[0])),
    }


def _pools(draw: st.DrawFn, zone: str) -> Iterator[dict[str, Any]]:
    for name, role, kinds in (
        ("app", "app", ["m7i.large", "t3.xlarge", "c7i.2xlarge"]),
        ("ingress", "ingress", ["c7i.large", "t3.medium"]),
        ("gpu", "gpu", ["p5en.48xlarge", "p5e.48xlarge"]),
    ):
        least, more = draw(st.integers(0, 2)), draw(st.integers(1, 3))
        pool = {"name": name, "role": role, "instance_type": draw(st.sampled_from(kinds)), "spot": draw(st.booleans())}
        pool |= {"min": least, "max": least + more, "desired": max(least, 1)}  # what is in the catalogue runs
        if role == "gpu" and draw(st.booleans()):
            pool |= {"placement_group": True, "efa": True, "zone": zone}
        yield pool
