"""Renders everything for one stack: what `berth render` writes and `berth deploy` applies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.holdings.consul import TASK_ROLE
from nginx.render import render_route
from nomad_jobs.images import Pins
from nomad_jobs.keys import pin_key
from nomad_jobs.model import Service, secret_path
from nomad_jobs.platform import Platform
from nomad_jobs.render import ROOT, SecretVersions, render_consul_policy, render_job
from vault_policies import engines
from vault_policies.render import render_policy, role


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """Texts by name; nothing in them is secret."""

    jobs: Mapping[str, str]
    vault_policies: Mapping[str, str]
    vault_roles: Mapping[str, Mapping[str, Any]]
    engine_entries: Mapping[str, Mapping[str, Any]]
    """Roles and keys of Vault's engines, by path."""
    databases: Mapping[str, Mapping[str, Any]]
    """Vault's connections to databases, by path, without their passwords."""
    consul_policies: Mapping[str, str]
    routes: Mapping[str, str]
    """Each route's record, by the name of its service."""
    pins: Mapping[str, Mapping[str, str]]
    """The versions of the secrets that a service's task follows: by the service's name, then by key in Consul."""


def render(
    services: Sequence[Service], platform: Platform, images: Pins, versions: SecretVersions | None = None
) -> Rendered:
    """Render the services for the platform; pure."""
    asking = [service for service in services if service.asks_vault]
    return Rendered(
        jobs={one.name: render_job(one, platform, images=images, versions=versions) for one in services},
        vault_policies={one.vault_name: render_policy(one, platform) for one in asking},
        vault_roles={one.vault_name: role(one, platform) for one in asking},
        engine_entries={path: body for one in services for path, body in engines.entries(one, platform)},
        databases=engines.databases(services),
        consul_policies={
            consul_role(one.name, platform): render_consul_policy(one, platform) for one in services if one.reads_consul
        },
        routes={one.name: render_route(one, platform) for one in services if one.route},
        pins={one.name: _pins(one, platform, versions or {}) for one in services},
    )


def _pins(service: Service, platform: Platform, versions: SecretVersions) -> dict[str, str]:
    return {
        pin_key(secret, service, platform): str(versions.get(secret_path(secret, service), 0))
        for secret in service.followed_secrets
    }


def consul_role(job: str, platform: Platform) -> str:
    """Name of the Consul role that a job's templates log in to, as Consul's binding rule builds it."""
    return TASK_ROLE.format(namespace=platform.namespace, job=job)


def write(rendered: Rendered, folder: Path) -> tuple[Path, ...]:
    """Write `jobs/`, `vault/`, `consul/` and `nginx/` below `folder`; give the files written."""
    files = {f"jobs/{name}.nomad.hcl": text for name, text in rendered.jobs.items()}
    files |= {f"vault/{name}.hcl": text for name, text in rendered.vault_policies.items()}
    files |= {
        f"vault/{path}.json": json.dumps(body, indent=2) + "\n"
        for path, body in {**rendered.engine_entries, **rendered.databases}.items()
    }
    files |= {f"consul/{name}.hcl": text for name, text in rendered.consul_policies.items()}
    files |= {f"nginx/{name}.json": f"{text}\n" for name, text in rendered.routes.items()}
    for plain in ("nginx/nginx.conf", "nginx/templates/sites.conf.ctmpl"):
        files[f"nginx/{Path(plain).name}"] = (ROOT / plain).read_text()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tuple(folder / name for name in files)
