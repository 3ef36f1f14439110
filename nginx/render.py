"""One route as NGINX configuration: pure; upstreams are filled in on the node, from Consul."""

from pathlib import Path

from nomad_jobs.model import Service
from nomad_jobs.platform import Platform
from nomad_jobs.services.ingress import INGRESS
from nomad_jobs.text import render

_TEMPLATES = Path(__file__).parent / "templates"


def route_host(service: Service, platform: Platform) -> str:
    """Host name of a routed service on this platform, such as `chat.localhost`."""
    if service.route is None:
        raise ValueError(f"{service.name} has no route")
    return f"{service.route.host}.{platform.domain}"


def render_route(service: Service, platform: Platform) -> str:
    """Render the server block of a routed service; its upstream bears the service's own name.

    The front door's own route also answers for hosts that nobody has, and redirects to TLS where the platform says so.
    """
    plain, tls = _listen(platform, "http"), f"{_listen(platform, 'https')} ssl"
    context = {
        "name": service.name,
        "route": service.route,
        "host": route_host(service, platform),
        "listens": (tls,) if platform.tls_routes else (plain, tls),
        "redirect": plain if platform.tls_routes else "",
        "default": service.follows_routes,
    }
    return render(_TEMPLATES, "route.conf.j2", context)


def _listen(platform: Platform, label: str) -> str:
    """Where NGINX listens: in its container, or on the laptop's loopback and nowhere else."""
    if platform.is_cloud:
        return str(INGRESS.port(label).container)
    port = platform.http_port if label == "http" else platform.https_port
    return f"{platform.entry}:{port}"
