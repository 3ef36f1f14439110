"""A Nomad job from a service and the platform it runs on: pure, the same bytes for the same input."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nomad_jobs.contents import ROOT, RenderedFile, SecretVersions, is_literal, rendered_files
from nomad_jobs.images import Pins, pinned
from nomad_jobs.keys import pin_key, routes_prefix
from nomad_jobs.model import ENGINE_SHUTDOWN_S, Container, Env, Gpus, Port, Process, Service, model_words
from nomad_jobs.platform import NodePool, Platform
from nomad_jobs.text import hcl, render

__all__ = ["ROOT", "SecretVersions", "kill_timeout_s", "render_consul_policy", "render_job"]

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True, slots=True)
class _RenderedPort:
    label: str
    container: int
    static: int | None


@dataclass(frozen=True, slots=True)
class _Job:
    """What the job's templates know beside the service, its shape and the platform."""

    service: Service
    platform: Platform
    shape: Container | Process
    image: str
    """With its digest; empty on a laptop."""
    files: tuple[RenderedFile, ...]

    @property
    def pool(self) -> NodePool:
        return self.platform.pools[self.service.pool.value]

    @property
    def ports(self) -> tuple[_RenderedPort, ...]:
        return tuple(_port(port, self.platform) for port in self.service.ports)

    @property
    def canaries(self) -> int:
        """A canary beside a full set of GPUs could never be placed, so those instances are replaced one by one."""
        return 0 if self.shape.gpus else 1

    @property
    def gpu_pattern(self) -> str:
        return _gpu_pattern(self.shape.gpus)

    @property
    def kill_timeout_s(self) -> int:
        return kill_timeout_s(self.service, self.platform)

    @property
    def progress_deadline_s(self) -> int:
        """Longer than both, as Nomad wants it: a stopping instance may take its whole kill_timeout first."""
        return max(self.shape.starts_within_s, self.kill_timeout_s) + 30

    @property
    def plain_env(self) -> tuple[Env, ...]:
        return _plain_env(self.service, self.platform)

    @property
    def env_width(self) -> int:
        return max(len(hcl(env.name)) for env in self.plain_env)

    @property
    def meta(self) -> dict[str, str]:
        return {"berth_form": _form(self), "berth_stack": self.platform.stack}

    @property
    def meta_width(self) -> int:
        return max(map(len, map(hcl, self.meta)))


def render_job(service: Service, platform: Platform, *, images: Pins, versions: SecretVersions | None = None) -> str:
    """Render `service` as a Nomad job file (HCL).

    Its meta holds the stack, and `berth_form`: a hash of what Nomad cannot change in a running instance. Any change of
    meta replaces all instances, so nothing else is there.

    Raises:
        ConfigError: the platform runs images and this service's is not in `images`.

    """
    job = _Job(
        service=service,
        platform=platform,
        shape=service.shape(platform.driver),
        image=pinned(service.container.image, images, service.name) if platform.is_cloud else "",
        files=tuple(rendered_files(service, platform, versions or {})),
    )
    context = {"job": job, "service": service, "platform": platform, "shape": job.shape}
    return render(_TEMPLATES, "service.nomad.hcl.j2", context)


def render_consul_policy(service: Service, platform: Platform) -> str:
    """Render what the service's templates may read in Consul: its peers, its pins; the front door every route."""
    pins = [pin_key(secret, service, platform) for secret in service.followed_secrets]
    return render(
        _TEMPLATES, "consul_policy.hcl.j2", {"service": service, "routes": routes_prefix(platform.stack), "pins": pins}
    )


def kill_timeout_s(service: Service, platform: Platform) -> int:
    """From the stop signal to SIGKILL: for the front door as long as any route's longest request may be."""
    return platform.max_kill_timeout_s if service.is_front_door else service.kill_timeout_s


def _plain_env(service: Service, platform: Platform) -> tuple[Env, ...]:
    longest_s = platform.max_kill_timeout_s - ENGINE_SHUTDOWN_S
    front_door = (
        Env(name="BERTH_TLS_ROUTES", value=str(platform.tls_routes).lower()),
        Env(name="BERTH_LONGEST_REQUEST_S", value=str(longest_s)),
    )
    return (
        # A container is reached through its host's port alone; a laptop's process must not be reached from outside.
        Env(name="BERTH_BIND", value="0.0.0.0" if platform.is_cloud else platform.entry),  # noqa: S104
        Env(name="BERTH_STACK", value=platform.stack),
        *(front_door if service.is_front_door else ()),
        *(env for env in service.env if is_literal(env)),
    )


def _port(port: Port, platform: Platform) -> _RenderedPort:
    static = getattr(platform, port.platform_field) if port.platform_field else None
    return _RenderedPort(label=port.label, container=port.container, static=static)


def _gpu_pattern(gpus: Gpus | None) -> str:
    """Match the words that are asked for among the words of the device's name, and no part of a word."""
    words = model_words(gpus.model) if gpus else ()
    return f"(?i)(^|[ -]){'[ -]+'.join(words)}($|[ -])" if words else ""


def _form(job: _Job) -> str:
    """Hash what makes Nomad replace an instance: the facts, not their text, so that a new layout replaces nothing."""
    shape = job.shape
    gpus = asdict(shape.gpus) if shape.gpus else None
    facts = {
        "pool": job.pool.name,
        "driver": job.platform.driver.value,
        "argv": shape.argv,
        "image": job.image,
        "env": {env.name: env.value for env in job.plain_env},
        "files": [asdict(file) for file in job.files],
        "ports": [asdict(port) for port in job.ports],
        "size": [shape.cpu_mhz, shape.memory_mb, shape.shm_mb, gpus, job.platform.gpu_device],
        "identities": [job.service.vault_name if job.service.secrets else "", job.service.reads_consul],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
