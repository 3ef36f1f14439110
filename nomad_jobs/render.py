"""A Nomad job from a service and the platform it runs on: pure, the same bytes for the same input."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nomad_jobs.images import Pins, pinned
from nomad_jobs.model import Env, File, OnChange, Part, Peers, Port, SecretRef, Service, Source, secret_path
from nomad_jobs.platform import Platform
from nomad_jobs.text import consul_template, hcl, render

ROOT = Path(__file__).parent.parent
_TEMPLATES = Path(__file__).parent / "templates"

SecretVersions = Mapping[str, int]
"""Version to read of each secret, by its path below the namespace; 0 is Vault's word for the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _RenderedFile:
    path: str
    data: str
    perms: str = "0600"
    env: bool = False
    once: bool = True
    on_change: str = "noop"
    script: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _RenderedPort:
    label: str
    container: int
    static: int | None


def render_job(service: Service, platform: Platform, *, images: Pins, versions: SecretVersions | None = None) -> str:
    """Render `service` as a Nomad job file (HCL).

    Its meta holds `berth_release`, a hash of everything else in the job, and the version of each secret: whatever
    changes what runs changes the job, so that Nomad rolls it out, and nothing else does.

    Raises:
        ConfigError: the platform runs images and this service's is not in `images`.

    """
    context = _context(service, platform, images, versions or {})
    unmarked = render(_TEMPLATES, "service.nomad.hcl.j2", context)
    release = hashlib.sha256(unmarked.encode()).hexdigest()[:12]
    context["meta"] = {"berth_release": release, **context["meta"]}
    return render(_TEMPLATES, "service.nomad.hcl.j2", context)


def render_consul_policy(service: Service, platform: Platform) -> str:
    """Render what the service's templates may read in Consul: its peers, or for the front door every route."""
    return render(_TEMPLATES, "consul_policy.hcl.j2", {"s": service, "routes": routes_prefix(platform)})


def routes_prefix(platform: Platform) -> str:
    """Where in Consul's KV the front door finds one entry for each routed service."""
    return f"berth/{platform.stack}/routes"


def _context(service: Service, platform: Platform, images: Pins, versions: SecretVersions) -> dict[str, Any]:
    run = service.container if platform.is_cloud else service.process
    plain_env = (
        # A container is reached through its host's port alone; a laptop's process must not be reached from outside.
        Env(name="BERTH_BIND", value="0.0.0.0" if platform.is_cloud else platform.entry),  # noqa: S104
        Env(name="BERTH_STACK", value=platform.stack),
        *(env for env in service.env if isinstance(env.value, str)),
    )
    stamps = {
        f"berth_secret_{secret_path(secret, service)}": str(versions.get(secret_path(secret, service), 0))
        for secret in service.secrets
    }
    return {
        "s": service,
        "p": platform,
        "run": run,
        "pool": platform.pools[service.pool.value],
        "image": pinned(service.container.image, images, service.name) if platform.is_cloud else "",
        "ports": tuple(_port(port, platform) for port in service.ports),
        # A canary beside a full set of GPUs could never be placed, so those instances are replaced one by one.
        "canaries": 0 if run.gpus else 1,
        # Nomad wants it longer than both: a stopping instance may take its whole kill_timeout before it is replaced.
        "progress_deadline_s": max(run.starts_within_s, service.kill_timeout_s) + 30,
        "meta": {"berth_stack": platform.stack, **stamps},
        "meta_width": max(map(len, map(hcl, ("berth_release", *stamps)))),
        "plain_env": plain_env,
        "env_width": max(len(hcl(env.name)) for env in plain_env),
        "files": tuple(_files(service, platform, versions)),
    }


def _port(port: Port, platform: Platform) -> _RenderedPort:
    static = getattr(platform, port.platform_field) if port.platform_field else None
    return _RenderedPort(label=port.label, container=port.container, static=static)


def _files(service: Service, platform: Platform, versions: SecretVersions) -> Iterator[_RenderedFile]:
    def text(part: Part) -> str:
        return _part(part, service, platform, versions)

    variables = {env.name: env.value for env in service.env if isinstance(env.value, SecretRef)}
    if (login := service.container.login) is not None:
        variables |= {"REGISTRY_USERNAME": login.username, "REGISTRY_PASSWORD": login.password}
    if variables:
        lines = "".join(f"{name}={text(ref)}\n" for name, ref in variables.items())
        yield _RenderedFile(path="secrets/env", data=lines, env=True)
    for file in service.files:
        yield _RenderedFile(
            path=file.path,
            data=_raw(file) if file.is_template else "".join(text(part) for part in _joined(file.parts)),
            # What is pinned or fixed is read once, so that an allocation outlives a Vault that is away.
            once=file.on_change is OnChange.NOOP and not any(isinstance(part, Peers) for part in file.parts),
            on_change=file.on_change.value,
            script=file.script,
        )


def _raw(file: File) -> str:
    return "".join(_source(part.path) if isinstance(part, Source) else str(part) for part in file.parts)


def _joined(parts: tuple[Part, ...]) -> Iterator[Part]:
    """Join neighbouring texts, so that a brace at the end of one cannot meet a brace of the next."""
    text = ""
    for part in parts:
        if isinstance(part, str | Source):
            text += _source(part.path) if isinstance(part, Source) else part
        else:
            yield text
            yield part
            text = ""
    yield text


def _part(part: Part, service: Service, platform: Platform, versions: SecretVersions) -> str:
    match part:
        case SecretRef(secret, field, quoted):
            path = secret_path(secret, service)
            url = f"secret/data/{platform.namespace}/{path}?version={versions.get(path, 0)}"
            value = f".Data.data.{field}" + (" | toJSON" if quoted else "")
            return f'{{{{ with secret "{url}" }}}}{{{{ {value} }}}}{{{{ end }}}}'
        case Peers(name):
            return (
                f'[{{{{ range $i, $peer := service "{name}" }}}}{{{{ if $i }}}}, {{{{ end }}}}'
                '{"address": {{ $peer.Address | toJSON }}, "port": {{ $peer.Port }}}{{ end }}]'
            )
        case Source(path):
            return consul_template(_source(path))
        case str():
            return consul_template(part)


@cache
def _source(path: str) -> str:
    return (ROOT / path).read_text()
