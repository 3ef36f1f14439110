"""A Nomad job from a service and the platform it runs on: pure, the same bytes for the same input."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nomad_jobs.contents import ROOT, RenderedFile, SecretVersions, is_literal, rendered_files
from nomad_jobs.images import Pins, pinned
from nomad_jobs.keys import pin_key, routes_prefix
from nomad_jobs.model import ENGINE_SHUTDOWN_S, Env, Gpus, Port, Service, model_words
from nomad_jobs.platform import Platform
from nomad_jobs.text import hcl, render

__all__ = ["ROOT", "SecretVersions", "kill_timeout_s", "render_consul_policy", "render_job"]

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True, slots=True)
class _RenderedPort:
    label: str
    container: int
    static: int | None


def render_job(service: Service, platform: Platform, *, images: Pins, versions: SecretVersions | None = None) -> str:
    """Render `service` as a Nomad job file (HCL).

    Its meta holds the stack, and `berth_form`: a hash of what Nomad cannot change in a running instance. Any change of
    meta replaces all instances, so nothing else is there.

    Raises:
        ConfigError: the platform runs images and this service's is not in `images`.

    """
    context = _context(service, platform, images, versions or {})
    context["meta"] = {"berth_form": _form(context), "berth_stack": platform.stack}
    return render(_TEMPLATES, "service.nomad.hcl.j2", context)


def render_consul_policy(service: Service, platform: Platform) -> str:
    """Render what the service's templates may read in Consul: its peers, its pins; the front door every route."""
    pins = [pin_key(secret, service, platform) for secret in service.followed_secrets]
    return render(
        _TEMPLATES, "consul_policy.hcl.j2", {"s": service, "routes": routes_prefix(platform.stack), "pins": pins}
    )


def kill_timeout_s(service: Service, platform: Platform) -> int:
    """From the stop signal to SIGKILL: for the front door as long as any route's longest request may be."""
    return platform.max_kill_timeout_s if service.is_front_door else service.kill_timeout_s


def _context(service: Service, platform: Platform, images: Pins, versions: SecretVersions) -> dict[str, Any]:
    run = service.container if platform.is_cloud else service.process
    plain_env = _plain_env(service, platform)
    return {
        "s": service,
        "p": platform,
        "run": run,
        "pool": platform.pools[service.pool.value],
        "image": pinned(service.container.image, images, service.name) if platform.is_cloud else "",
        "ports": tuple(_port(port, platform) for port in service.ports),
        # A canary beside a full set of GPUs could never be placed, so those instances are replaced one by one.
        "canaries": 0 if run.gpus else 1,
        "gpu_pattern": _gpu_pattern(run.gpus),
        "kill_timeout_s": kill_timeout_s(service, platform),
        # Nomad wants it longer than both: a stopping instance may take its whole kill_timeout before it is replaced.
        "progress_deadline_s": max(run.starts_within_s, kill_timeout_s(service, platform)) + 30,
        "meta_width": len(hcl("berth_stack")),
        "plain_env": plain_env,
        "env_width": max(len(hcl(env.name)) for env in plain_env),
        "files": tuple(rendered_files(service, platform, versions)),
    }


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


def _form(context: Mapping[str, Any]) -> str:
    """Hash what makes Nomad replace an instance: the facts, not their text, so that a new layout replaces nothing."""
    service, platform, run = context["s"], context["p"], context["run"]
    files: tuple[RenderedFile, ...] = context["files"]
    facts = {
        "pool": context["pool"].name,
        "driver": platform.driver.value,
        "argv": run.argv,
        "image": context["image"],
        "env": {env.name: env.value for env in context["plain_env"]},
        "files": [asdict(file) for file in files],
        "ports": [asdict(port) for port in context["ports"]],
        "size": [run.cpu_mhz, run.memory_mb, run.shm_mb, asdict(run.gpus) if run.gpus else None, platform.gpu_device],
        "identities": [service.vault_name if service.secrets else "", service.reads_consul],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
