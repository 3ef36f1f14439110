"""A route as NGINX reads it, on a laptop and in the cloud."""

import pytest

from nginx.render import render_route, route_host
from nomad_jobs.catalog import SERVICES
from nomad_jobs.services.ingress import INGRESS
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from tests.nomad_jobs.test_model import build
from tests.support.platforms import CLOUD, LAPTOP


def test_a_laptop_listens_on_loopback_only() -> None:
    listens = [
        line.split()[1].rstrip(";")
        for service in SERVICES
        for line in render_route(service, LAPTOP).splitlines()
        if line.strip().startswith("listen ")
    ]
    assert set(listens) == {"127.0.0.1:8080", "127.0.0.1:8443"}


def test_the_cloud_serves_tls_and_only_redirects_plain_http() -> None:
    text = render_route(LLAMA_4_SCOUT, CLOUD)
    assert "listen 8443 ssl;" in text
    assert "8080" not in text
    assert "return 308 https://$host$request_uri;" in render_route(INGRESS, CLOUD)


def test_a_stream_may_take_as_long_as_the_service_says() -> None:
    text = render_route(LLAMA_4_SCOUT, CLOUD)
    assert "proxy_read_timeout 300s;" in text
    assert "server_name llama-4-scout.example.com;" in text


def test_only_the_front_door_answers_for_unknown_hosts() -> None:
    defaults = [service.name for service in SERVICES if "default_server" in render_route(service, LAPTOP)]
    assert defaults == ["ingress"]


def test_a_service_without_a_route_has_no_host() -> None:
    with pytest.raises(ValueError, match="app has no route"):
        route_host(build(), LAPTOP)
