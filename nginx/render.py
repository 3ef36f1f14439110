"""Renders a route's record: facts for Consul, from which each front door renders its own configuration."""

import json
from typing import Any

from nomad_jobs.model import Service
from nomad_jobs.platform import Platform

RECORD_VERSION = 1


def route_host(service: Service, platform: Platform) -> str:
    """Give the host name of a routed service on this platform, such as `chat.localhost`."""
    if service.route is None:
        raise ValueError(f"{service.name} has no route")
    return f"{service.route.host}.{platform.domain}"


def route_facts(service: Service, platform: Platform) -> dict[str, Any]:
    """Give the facts of a routed service that the front door needs; it finds the instances in Consul itself."""
    if service.route is None:
        raise ValueError(f"{service.name} has no route")
    return {
        "version": RECORD_VERSION,
        "host": route_host(service, platform),
        "paths": list(service.route.paths),
        "hidden": list(service.route.hidden),
        "longest_request_s": service.route.longest_request_s,
        "max_body_mb": service.route.max_body_mb,
    }


def render_route(service: Service, platform: Platform) -> str:
    """Render the record of a routed service in the one format that nginx/templates/sites.conf.ctmpl accepts."""
    return json.dumps(route_facts(service, platform))
