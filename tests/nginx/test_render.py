"""A route's record: facts alone, in the one form that the front door's template takes."""

import json
import re
from pathlib import Path

import pytest

from nginx.render import RECORD_VERSION, render_route, route_host
from nomad_jobs.catalog import SERVICES
from nomad_jobs.checks import check
from nomad_jobs.images import Pins
from nomad_jobs.model import Route
from nomad_jobs.platform import Platform
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from tests.nomad_jobs.test_model import build
from tests.support.platforms import CLOUD, LAPTOP

TEMPLATE = (Path(__file__).parents[2] / "nginx" / "templates" / "sites.conf.ctmpl").read_text()


def accepted() -> re.Pattern[str]:
    """The pattern of the template, put together as the template does it."""
    host, paths = (re.findall(rf"\$(?:{name}) := `(.*?)` -}}}}", TEMPLATE)[0] for name in ("host", "paths"))
    first, second = re.findall(r"\$record :?= printf `(.*?)`", TEMPLATE)
    return re.compile(
        second.replace("%s", first.replace("%s", host, 1).replace("%s", paths)).replace('{"version', '\\{"version')
    )


@pytest.mark.parametrize("platform", [LAPTOP, CLOUD], ids=lambda platform: platform.stack)
def test_every_route_of_the_catalogue_has_the_form_that_the_front_door_takes(platform: Platform) -> None:
    for service in SERVICES:
        assert accepted().fullmatch(render_route(service, platform)), service.name


def test_the_widest_route_that_the_model_allows_has_it_too() -> None:
    route = Route(
        host="a" * 63,
        paths=("/", "/A-Z_a.z~/0", "/v1/"),
        hidden=(),
        longest_request_s=86_400,
        max_body_mb=1024,
    )
    assert accepted().fullmatch(render_route(build(route=route), CLOUD))


def test_the_longest_host_that_is_checked_for_is_taken() -> None:
    platform = LAPTOP.model_copy(update={"domain": ".".join(["a" * 62] * 3)})
    check((build(route=Route(host="h" * 62)),), platform, Pins())
    assert accepted().fullmatch(render_route(build(route=Route(host="h" * 62)), platform))
    platform = LAPTOP.model_copy(update={"domain": ".".join("abcdef")})
    check((build(route=Route(host="h")),), platform, Pins())
    assert accepted().fullmatch(render_route(build(route=Route(host="h")), platform))


def test_a_record_holds_facts_and_no_configuration() -> None:
    record = json.loads(render_route(LLAMA_4_SCOUT, CLOUD))
    assert record["version"] == RECORD_VERSION
    assert record["host"] == "llama-4-scout.example.com"
    assert record["longest_request_s"] == 300
    assert "server" not in record


def test_a_service_without_a_route_has_no_host() -> None:
    with pytest.raises(ValueError, match="app has no route"):
        route_host(build(), LAPTOP)
