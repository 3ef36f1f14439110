"""How a service runs: from an image in the cloud, as a process on a laptop."""

from dataclasses import dataclass

from nomad_jobs.model.secret import SecretRef


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryLogin:
    """Credentials for a private registry, from Vault."""

    username: SecretRef
    password: SecretRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpus:
    """GPUs for each instance."""

    count: int
    model: str = ""
    """Part of the device's model name, such as `H200`; empty: any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    argv: tuple[str, ...] = ()
    instances: int = 1
    gpus: Gpus | None = None
    cpu_mhz: int = 100
    memory_mb: int = 128
    shm_mb: int = 0
    """Shared memory, through which tensor-parallel workers talk; 0: Docker's own default."""
    starts_within_s: int = 60
    """From placed to healthy: weights take minutes to load."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container(_Shape):
    """How a service runs from an image: the cloud. Nomad interpolates `${NOMAD_…}` in `argv`.

    `--host ${BERTH_BIND} --port ${NOMAD_PORT_http}` is right in a container and on a laptop alike.
    """

    image: str
    """By tag; `images.lock` pins the digest."""
    login: RegistryLogin | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Process(_Shape):
    """How the same service runs without Docker: the laptop."""
