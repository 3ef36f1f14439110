"""Every platform port, its protocols, who listens on it and who may reach it."""

from dataclasses import dataclass
from enum import StrEnum

from infra.holdings.ports import CONSUL_HTTPS, NOMAD_HTTP, VAULT_API


class MachineKind(StrEnum):
    """A kind of machine; on AWS each is a security group, and each runs a Nomad and a Consul agent."""

    SERVER = "server"
    """Runs the Nomad, Consul and Vault servers."""
    CLIENT = "client"
    """Runs tasks: app and GPU nodes."""
    INGRESS = "ingress"
    """Runs NGINX: the only machines with a public address. Also a Nomad client."""


class OtherCaller(StrEnum):
    """Who else may call a port; neither has a security group."""

    HOST = "host"
    """The machine itself, over loopback."""
    WORLD = "world"
    """The internet."""


Caller = MachineKind | OtherCaller
MACHINE_KINDS = tuple(MachineKind)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformPort:
    """A port (or an inclusive range) that part of the platform listens on."""

    name: str
    first: int
    last: int
    protocols: tuple[str, ...] = ("tcp",)
    listeners: tuple[MachineKind, ...]
    allowed_from: tuple[Caller, ...]
    purpose: str


def _port(  # noqa: PLR0913 - one row of the table below
    name: str,
    port: int,
    listeners: tuple[MachineKind, ...],
    allowed_from: tuple[Caller, ...],
    purpose: str,
    *,
    last: int | None = None,
    protocols: tuple[str, ...] = ("tcp",),
) -> PlatformPort:
    return PlatformPort(
        name=name,
        first=port,
        last=last or port,
        protocols=protocols,
        listeners=listeners,
        allowed_from=allowed_from,
        purpose=purpose,
    )


_SERVERS = (MachineKind.SERVER,)
_BOTH = ("tcp", "udp")

# The numbers are from the documentation of Nomad, Consul and Vault. Who may reach each is our choice, the fewest that
# work: clients do not need Serf on 4648, and nobody needs Consul's plain HTTP or gRPC.
TABLE = (
    _port(
        "nomad_http",
        NOMAD_HTTP,
        MACHINE_KINDS,
        MACHINE_KINDS,
        "Nomad API; Vault and Consul fetch its signing keys here",
    ),
    _port("nomad_rpc", 4647, _SERVERS, MACHINE_KINDS, "Nomad agents to servers"),
    _port("nomad_serf", 4648, _SERVERS, _SERVERS, "Nomad server membership", protocols=_BOTH),
    _port("consul_rpc", 8300, _SERVERS, MACHINE_KINDS, "Consul agents to servers"),
    _port("consul_serf", 8301, MACHINE_KINDS, MACHINE_KINDS, "Consul membership", protocols=_BOTH),
    _port("consul_http", 8500, MACHINE_KINDS, (OtherCaller.HOST,), "Consul API, plain; loopback only"),
    _port("consul_https", CONSUL_HTTPS, MACHINE_KINDS, MACHINE_KINDS, "Consul API, TLS"),
    _port("consul_dns", 8600, MACHINE_KINDS, (OtherCaller.HOST,), "Consul DNS", protocols=_BOTH),
    _port("vault_api", VAULT_API, _SERVERS, MACHINE_KINDS, "Vault API"),
    _port("vault_cluster", 8201, _SERVERS, _SERVERS, "Vault Raft and request forwarding"),
    _port(
        "dynamic",
        20000,
        (MachineKind.CLIENT, MachineKind.INGRESS),
        (MachineKind.INGRESS, MachineKind.CLIENT),
        "service instances, at ports that Nomad chooses",
        last=32000,
    ),
    _port("http", 80, (MachineKind.INGRESS,), (OtherCaller.WORLD,), "NGINX, redirects to 443"),
    _port("https", 443, (MachineKind.INGRESS,), (OtherCaller.WORLD,), "NGINX"),
)

BY_NAME = {row.name: row for row in TABLE}
