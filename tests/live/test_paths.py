"""Which paths pass through the front door, in whatever spelling."""

from collections.abc import Iterator

import httpx
import pytest

from scripts.ops.clients.target import Target
from tests.support.echoes import HOST, ask, echoes, raw
from tests.support.laptop import Laptop

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]


@pytest.fixture(scope="module")
def front(platform: Laptop) -> Iterator[httpx.Client]:
    with echoes(platform) as client:
        yield client


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/metrics/more", "/docs", "/openapi.json", "/admin/users"])
def test_what_is_for_the_inside_is_kept_back_unless_named(front: httpx.Client, path: str) -> None:
    answer = front.get(path, headers={"Host": HOST})
    assert (answer.status_code, answer.json()) == (404, {"error": "not for the world"})


def test_a_path_that_only_begins_alike_passes(front: httpx.Client) -> None:
    assert ask(front, "/metrics-page")["path"] == "/metrics-page"
    assert ask(front, "/openapi-json")["path"] == "/openapi-json"


@pytest.mark.parametrize(
    "path",
    [
        "//metrics",
        "/%6detrics",
        "/%6Detrics?x=1",
        "/metrics;jsessionid=1",
        "/metrics%2f",
        "http://test-echo.localhost/metrics",
    ],
)
def test_no_spelling_of_a_hidden_path_passes(front: httpx.Client, target: Target, path: str) -> None:
    del front
    answer = raw(target, f"GET {path} HTTP/1.1\nHost: {HOST}\nConnection: close\n\n")
    assert answer.startswith("HTTP/1.1 404"), answer
    assert "not for the world" in answer


@pytest.mark.parametrize("host", [HOST, "test-listed.localhost"])
@pytest.mark.parametrize(
    "path",
    [
        "/./metrics",
        "/x/../metrics",
        "/metrics/../said",
        "/metrics/../v1/models",
        "/x/%2e%2e/metrics",
        "/x/.%2E/metrics",
        "/x%2f..%2fmetrics",
        "/x/..;/metrics",
        "/said/..",
    ],
)
def test_a_path_with_dots_reaches_no_service(front: httpx.Client, target: Target, path: str, host: str) -> None:
    """NGINX would tidy it up to choose the location, and pass it on as it stands: a service might read another path."""
    del front
    answer = raw(target, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert answer.split()[1] == "400", answer


@pytest.mark.parametrize("path", ["/.well-known/x", "/a..b", "/...", "/said?next=/../x", "/v1.2/x"])
def test_other_dots_pass(front: httpx.Client, path: str) -> None:
    assert ask(front, path)["path"] == path


@pytest.mark.parametrize(("path", "passes"), [("/v1/models", 200), ("/v1/files/a/b", 200), ("/v1/files/", 200)])
def test_a_listed_path_passes(front: httpx.Client, path: str, passes: int) -> None:
    assert front.get(path, headers={"Host": "test-listed.localhost"}).status_code == passes


@pytest.mark.parametrize("path", ["/", "/invocations", "/v1/models/", "/v1/modelsx", "/v1", "/metrics", "/v1/files"])
def test_a_route_with_a_list_lets_nothing_else_through(front: httpx.Client, target: Target, path: str) -> None:
    del front
    answer = raw(target, f"POST {path} HTTP/1.1\nHost: test-listed.localhost\nContent-Length: 0\nConnection: close\n\n")
    assert answer.split()[1] == "404"
    assert "no such path" in answer or "not for the world" in answer


def test_a_hidden_path_that_is_listed_itself_passes(front: httpx.Client) -> None:
    assert ask(front, "/docs", host="test-open-docs.localhost")["path"] == "/docs"
    assert front.get("/metrics", headers={"Host": "test-open-docs.localhost"}).status_code == 404
