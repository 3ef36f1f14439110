"""Renders a service on a platform as a Nomad job: pure, and the same input gives the same bytes."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nomad_jobs.contents import ROOT, RenderedFile, SecretVersions, rendered_files
from nomad_jobs.images import Pins, pinned
from nomad_jobs.keys import pin_key, routes_prefix
from nomad_jobs.model import (
    Container,
    Env,
    Gpus,
    Kind,
    Port,
    Service,
    Size,
    User,
    model_words,
)
from nomad_jobs.platform import ContainerNetwork, NodePool, Platform
from nomad_jobs.registry import place_of
from nomad_jobs.text import hcl, render
from nomad_jobs.variables import plain_env

__all__ = ["ROOT", "SecretVersions", "kill_timeout_s", "render_consul_policy", "render_job"]

_TEMPLATES = Path(__file__).parent / "templates"
_PULL_S = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class _RenderedPort:
    label: str
    container: int
    static: int | None


@dataclass(frozen=True, slots=True)
class _Job:
    """What the job's templates read beside the service, its size and the platform."""

    service: Service
    platform: Platform
    image: str
    """With its digest; empty where it runs as a process."""
    files: tuple[RenderedFile, ...]

    @property
    def size(self) -> Size:
        return self.service.size

    @property
    def network(self) -> ContainerNetwork | None:
        return self.platform.container_network if self.platform.runs_containers else None

    @property
    def container(self) -> Container | None:
        return self.service.container if self.platform.runs_containers else None

    @property
    def argv(self) -> tuple[str, ...]:
        if self.container:
            return self.container.argv
        return self.service.process.argv if self.service.process else ()

    @property
    def user(self) -> User | None:
        """Who owns the task's files, if that is not who runs Nomad."""
        return self.container.user if self.container else None

    @property
    def is_on_nvidia(self) -> bool:
        """Whether its GPUs are real ones, which reach a container by NVIDIA's runtime alone."""
        return self.size.gpus is not None and self.platform.gpu_device == "nvidia/gpu"

    @property
    def pool(self) -> NodePool:
        return self.platform.pools[self.service.pool.value]

    @property
    def ports(self) -> tuple[_RenderedPort, ...]:
        return tuple(_port(port, self.platform) for port in self.service.ports)

    @property
    def canaries(self) -> int:
        """None with GPUs: instances hold all of them, and a canary would find no room. Nomad replaces them in turn."""
        return 0 if self.size.gpus else 1

    @property
    def restart_mode(self) -> str:
        """A failed instance of a service is placed anew; one of a system job has no other place, so it is tried on."""
        return "delay" if self.service.kind is Kind.SYSTEM else "fail"

    @property
    def restart_delay_s(self) -> int:
        """Longer for a system job: one that finds Docker just starting again is lost, for nothing places it anew."""
        return 15 if self.service.kind is Kind.SYSTEM else 5

    @property
    def gpu_pattern(self) -> str:
        return _gpu_pattern(self.size.gpus)

    @property
    def kill_signal(self) -> str:
        """Empty where Docker knows it, from the image; without one, Nomad would send a process SIGINT."""
        process = "" if self.platform.runs_containers or not self.service.process else self.service.process.stop_signal
        return self.service.stop_signal or process

    @property
    def kill_timeout_s(self) -> int:
        return kill_timeout_s(self.service, self.platform)

    @property
    def pull_timeout_s(self) -> int:
        """As long as a start may take. Nomad replaces instances where it changes, so up to an hour it is the same."""
        return max(self.size.starts_within_s, _PULL_S)

    @property
    def progress_deadline_s(self) -> int:
        """Longer than a start, as Nomad demands, and than `kill_timeout`, which a stopping instance may use first."""
        return max(self.size.starts_within_s, self.kill_timeout_s) + 30

    @property
    def plain_env(self) -> tuple[Env, ...]:
        return plain_env(self.service, self.platform)

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

    The job's meta holds the stack and the form's hash (`berth_form`), and nothing else: where meta changes, Nomad
    replaces all instances.

    Raises:
        ConfigError: the platform runs containers, and `images` does not pin this service's.
        ValueError: the service was not resolved for the platform.

    """
    if service.overrides or not (platform.runs_containers or service.process):
        raise ValueError(f"{service.name} is not resolved for {platform.stack}")
    job = _Job(
        service=service,
        platform=platform,
        image=_image(service, platform, images),
        files=tuple(rendered_files(service, platform, versions or {})),
    )
    context = {"job": job, "service": service, "platform": platform, "size": job.size}
    return render(_TEMPLATES, "service.nomad.hcl.j2", context)


def render_consul_policy(service: Service, platform: Platform) -> str:
    """Render what the service's templates may read in Consul: its peers and pins, for the front door every route."""
    pins = [pin_key(secret, service, platform) for secret in service.followed_secrets]
    return render(
        _TEMPLATES, "consul_policy.hcl.j2", {"service": service, "routes": routes_prefix(platform.stack), "pins": pins}
    )


def kill_timeout_s(service: Service, platform: Platform) -> int:
    """Seconds from the stop signal to SIGKILL; the front door gets enough for the longest request of any route."""
    return platform.max_kill_timeout_s if service.is_front_door else service.kill_timeout_s


def _image(service: Service, platform: Platform, images: Pins) -> str:
    if not platform.runs_containers:
        return ""
    name = pinned(service.container.image, images, service.name)
    return place_of(name, platform.container_network.registry) if platform.container_network else name


def _port(port: Port, platform: Platform) -> _RenderedPort:
    static = getattr(platform, port.platform_field) if port.platform_field else None
    return _RenderedPort(label=port.label, container=port.container, static=static)


def _gpu_pattern(gpus: Gpus | None) -> str:
    """Write a pattern that finds the wanted words in a device's name, and never inside a longer word."""
    words = model_words(gpus.model) if gpus else ()
    return f"(?i)(^|[ -]){'[ -]+'.join(words)}($|[ -])" if words else ""


def _form(job: _Job) -> str:
    """Hash the facts of the form, not their text, so that a new layout of the job file replaces no instance."""
    size = job.size
    container = job.container
    gpus = asdict(size.gpus) if size.gpus else None
    shm_mb = container.shm_mb if container else 0
    facts = {
        "pool": job.pool.name,
        "driver": job.platform.driver.value,
        "argv": job.argv,
        "image": job.image,
        "env": {env.name: env.value for env in job.plain_env},
        "files": [asdict(file) for file in job.files],
        "ports": [asdict(port) for port in job.ports],
        "size": [size.cpu_mhz, size.memory_mb, shm_mb, gpus, job.platform.gpu_device],
        # Nomad would change a check in place, for all instances at once: with a wrong one, none would serve any more.
        "checks": [(check.port, check.protocol, check.path) for check in job.service.checks],
        "scripts": [(check.name, check.script) for check in job.service.script_checks],
        "identities": [job.service.vault_name if job.service.asks_vault else "", job.service.reads_consul],
    }
    if job.service.transit:
        facts["sees"] = "the Vault token"
    if container:
        facts["container"] = asdict(container)
        if mounts := [(file.path, file.mounted_at) for file in job.service.files if file.mounted_at]:
            facts["mounts"] = mounts
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
