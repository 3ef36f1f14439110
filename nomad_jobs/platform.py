"""The Platform record: where the catalogue runs. Pulumi exports it in the cloud, `berth up` writes it on a laptop."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from nomad_jobs.errors import ConfigError
from nomad_jobs.logins import Logins

VERSION = 1
WORKLOAD_BUCKETS = frozenset({"models", "benchmarks"})
"""The buckets that a service may ask for; the others hold what the platform itself needs."""
LOCAL = "local"
"""The stack of a laptop. Every other one has a `Pulumi.<stack>.yaml`."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+$")]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class Driver(StrEnum):
    """How Nomad runs a task."""

    DOCKER = "docker"
    """The service's container: every cloud."""
    RAW_EXEC = "raw_exec"
    """The service's process, as the user who started Nomad: a laptop where containers are off."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NodePool(_Record):
    """The nodes of one kind."""

    name: Name
    """Its name in Nomad."""
    nodes: Annotated[int, Field(ge=0)]
    gpus_per_node: Annotated[int, Field(ge=0)] = 0
    gpu_model: str = ""
    """The model that the device plugin reports, such as `H200`; empty without GPUs."""


class ContainerNetwork(_Record):
    """A Docker network of a laptop's own: its containers reach each other there, and nobody outside reaches them."""

    name: Name
    """Docker's name of it."""
    fixed_ports: Name
    """What Nomad calls the address of ports with a fixed number: the laptop's loopback, where people ask."""
    registry: Annotated[str, StringConstraints(pattern=r"^[0-9.]+:[0-9]+$")]
    """Address and port of the registry that has our own images here."""


class Aws(_Record):
    """What services that ask for keys of AWS are given them from."""

    workload_role: Annotated[str, StringConstraints(pattern=r"^(arn:aws:iam::[0-9]{12}:role/[\w+=,.@/-]+)?$")] = ""
    """ARN of the role that Vault assumes for a service, which has a part of its rights; empty: no service has any."""
    storage_key: Annotated[str, StringConstraints(pattern=r"^(arn:aws:kms:[\w:/-]+)?$")] = ""
    """ARN of the KMS key of the buckets; empty: they have none."""
    region: Name = "us-east-1"
    url: Url | None = None
    """Where the API is; None: at AWS."""


class Platform(_Record):
    """Where a stack's platform is and what it has: all that rendering and deploying need, and nothing secret."""

    version: Literal[1] = 1
    stack: Name
    region: Name = "global"
    datacenter: Name
    namespace: Name = "default"
    driver: Driver
    gpu_device: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(/[a-z0-9]+){0,2}$")]
    """Nomad's device name: `nvidia/gpu`, or the emulated `nomad/file`."""
    nomad_url: Url
    consul_url: Url
    vault_url: Url
    ca_file: str | None = None
    """Path, where `berth` runs, of the certificate authority of all three; None: they speak plain HTTP on loopback."""
    domain: Host
    """A route's host name is `<host>.<domain>`."""
    http_port: PortNumber
    https_port: PortNumber
    entry: Host
    """The address at which a deployment asks NGINX whether its services answer."""
    tls_routes: bool = True
    """Whether `http_port` only redirects to `https_port`."""
    max_kill_timeout_s: Annotated[int, Field(ge=1)]
    """Nomad's clients lower every job's `kill_timeout` to this."""
    pools: dict[Literal["app", "gpu", "ingress"], NodePool]
    """The node pool of each kind of pool."""
    buckets: dict[Name, str] = {}
    aws: Aws = Aws()
    container_network: ContainerNetwork | None = None
    """None: containers are in Docker's default network, and images in the registry that their names say."""
    logins: Logins = Logins()
    """Who may log in to Vault; empty on a laptop, whose one person has its keys."""

    @model_validator(mode="after")
    def _plain_http_stays_on_this_machine(self) -> Self:
        for name, url in (("nomad", self.nomad_url), ("consul", self.consul_url), ("vault", self.vault_url)):
            if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost", "http://[::1]")):
                raise ValueError(f"{name}_url: plain http is for loopback only, not {url}")
        return self

    @property
    def runs_containers(self) -> bool:
        """Whether services run as containers, whose images must be pinned; otherwise they run as processes."""
        return self.driver is Driver.DOCKER

    @property
    def speaks_tls(self) -> bool:
        """Whether Vault speaks TLS, with a certificate of the stack's own authority."""
        return self.vault_url.startswith("https://")

    @property
    def is_laptop(self) -> bool:
        """Whether this is a platform for one person, on the machine where `berth` runs."""
        return self.stack == LOCAL

    @property
    def title(self) -> str:
        """What people call it: `this laptop`, or its stack."""
        return "this laptop" if self.is_laptop else self.stack

    def to_json(self) -> str:
        """Write the record; the same platform gives the same bytes."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> Self:
        """Read a record.

        Raises:
            ConfigError: `text` is no record, or one of another version; the error names every wrong field.

        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc'])) or 'record'}: {one['msg'].lower()}" for one in error.errors()
            )
            fix = f"this berth reads version {VERSION}; run `berth up` or `pulumi up` again to write the record anew"
            raise ConfigError(where, wrong, fix) from None
