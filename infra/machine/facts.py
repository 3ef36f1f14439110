"""What the stack says about this machine: written by cloud-init, read by every step."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path("/etc/berth/machine.json")


@dataclass(frozen=True)
class Download:
    """A file in the stack's own bucket."""

    key: str
    sha256: str


@dataclass(frozen=True)
class Facts:
    """The stack's facts about a machine; nothing in it is secret."""

    stack: str
    region: str
    """Also Nomad's region, and the datacenter of Consul and Nomad."""
    role: str
    """`server`, `client` or `ingress`."""
    name: str
    """Of the node; empty: the instance ID."""
    zone: str
    """DNS zone in which the servers have names, such as `prod.berth.internal`."""
    group: str
    """Auto scaling group whose hooks this machine completes."""
    parameters: str
    """The stack's folder in Parameter Store."""
    state_key: str
    """KMS key of that folder's secrets."""
    bucket: str
    programs: dict[str, Download]
    is_first: bool = False
    """Whether it bootstraps a cluster where there is none."""
    volume: str = ""
    """EBS volume with the servers' data; empty: none."""
    stripes: bool = False
    """Whether to stripe the instance's own disks, for weights and images."""
    issuer: str = ""
    """Servers: issuer of Nomad's identities."""
    roles: dict[str, str] = field(default_factory=dict)
    """Servers: ARN of each IAM role that may log in to Vault, by the name of the Vault role."""

    @property
    def is_server(self) -> bool:
        """Whether it runs the servers."""
        return self.role == "server"

    def url(self, program: str, port: int) -> str:
        """Address of a program's servers, whichever of them answers."""
        return f"https://{program}.{self.zone}:{port}"


def read(path: Path = FILE) -> Facts:
    """Read the file that cloud-init wrote."""
    found: dict[str, Any] = json.loads(path.read_text())
    found["programs"] = {name: Download(**one) for name, one in found["programs"].items()}
    return Facts(**found)
