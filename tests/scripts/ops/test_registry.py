"""One tag's lookup against a real registry."""

import socket
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_jobs.errors import AuthError, BerthError, ConfigError
from scripts.ops.docker_login import Login
from scripts.ops.registry import challenges
from tests.support.registry import PASSWORD, USER, Registry, look_up
from tests.support.registry_peers import Proxy, TokenServer

pytest_plugins = ["tests.support.registry_fixtures"]

LOGIN = Login(USER, PASSWORD)
WRONG = Login(USER, "not-it")


@pytest.mark.live
@pytest.mark.parametrize("index", [False, True])
def test_a_tag_has_the_digest_that_was_pushed(hub: Registry, index: bool) -> None:
    pushed = hub.push("team/app", "2.0", "two", index=index)
    assert look_up(f"{hub.address}/team/app:2.0") == pushed


@pytest.mark.live
def test_an_unchanged_tag_costs_no_get(hub: Registry, hub_proxy: Proxy) -> None:
    known = look_up(f"{hub.address}/app:1")
    assert look_up(f"{hub_proxy.address}/app:1", known=known) == known
    assert [one.method for one in hub_proxy.seen] == ["HEAD"]


@pytest.mark.live
def test_a_moved_tag_is_fetched_and_verified(hub: Registry, hub_proxy: Proxy) -> None:
    before = hub.push("moved", "1", "before")
    after = hub.push("moved", "1", "after")
    assert look_up(f"{hub_proxy.address}/moved:1", known=before) == after
    assert [one.method for one in hub_proxy.seen] == ["HEAD", "GET"]


@pytest.mark.live
@pytest.mark.parametrize("name", ["app:none", "none:1"])
def test_a_tag_that_is_not_there_is_named(hub: Registry, name: str) -> None:
    repository, _, tag = name.partition(":")
    with pytest.raises(ConfigError, match=f"{hub.address} has no tag '{tag}' in {repository} — fix the image"):
        look_up(f"{hub.address}/{name}")


@pytest.mark.live
def test_a_private_registry_gets_the_login(private_hub: Registry, hub: Registry) -> None:
    assert look_up(f"{private_hub.address}/app:1", login=LOGIN) == look_up(f"{hub.address}/app:1")


@pytest.mark.live
@pytest.mark.parametrize(("login", "message"), [(None, "wants a login"), (WRONG, "refuses to show it .401.")])
def test_without_a_good_login_the_fix_is_docker_login(private_hub: Registry, login: Login | None, message: str) -> None:
    with pytest.raises(AuthError, match=f"{message}.*run `docker login {private_hub.address}`") as caught:
        look_up(f"{private_hub.address}/app:1", login=login)
    assert WRONG.password not in "".join(traceback.format_exception(caught.value))


@pytest.mark.live
def test_a_login_is_not_sent_where_none_is_asked_for(hub_proxy: Proxy) -> None:
    look_up(f"{hub_proxy.address}/app:1", login=LOGIN)
    assert [one.authorization for one in hub_proxy.seen] == [""]


@pytest.mark.live
def test_a_public_image_needs_only_an_anonymous_token(token_hub: Registry, hub_tokens: TokenServer) -> None:
    assert look_up(f"{token_hub.address}/public/app:1").startswith("sha256:")
    assert hub_tokens.scopes == ["repository:public/app:pull"]


@pytest.mark.live
def test_a_private_image_needs_a_token_for_the_login(token_hub: Registry, hub: Registry) -> None:
    assert look_up(f"{token_hub.address}/app:1", login=LOGIN) == look_up(f"{hub.address}/app:1")


@pytest.mark.live
@pytest.mark.parametrize(("login", "message"), [(None, "refuses to show it .401."), (WRONG, "gave no token")])
def test_a_token_that_grants_nothing_is_no_login(token_hub: Registry, login: Login | None, message: str) -> None:
    with pytest.raises(AuthError, match=message):
        look_up(f"{token_hub.address}/app:1", login=login)


def test_a_registry_that_is_down_is_no_digest() -> None:
    with socket.socket() as taken:  # bound, but not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BerthError, match=f"{address} cannot be asked: .*refused — check the network"):
            look_up(f"{address}/app:1")


@pytest.mark.live
def test_a_certificate_must_be_trusted(tls_hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BerthError, match=r"cannot be asked: .*CERTIFICATE_VERIFY_FAILED"):
        look_up(f"{tls_hub}/app:1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "registry.test.crt"))
    assert look_up(f"{tls_hub}/app:1").startswith("sha256:")


@pytest.mark.live
def test_plain_http_is_never_tried_beyond_loopback(hub: Registry, tls_hub: str) -> None:
    port = hub.address.partition(":")[2]  # an open registry that speaks no TLS
    with pytest.raises(BerthError, match=r"cannot be asked: .*SSL"):
        look_up(f"{tls_hub.partition(':')[0]}:{port}/app:1")


def test_a_missing_certificate_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE: cannot be read: .*No such file"):
        look_up("registry.example.com/app:1")


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        (['Basic realm="a realm, quoted"'], {"basic": {"realm": "a realm, quoted"}}),
        (["BASIC"], {"basic": {}}),
        (
            ['Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"'],
            {"bearer": {"realm": "https://a/t", "service": "s", "scope": "repository:a/b:pull,push"}},
        ),
        (['Bearer realm="r", Basic realm="b"'], {"bearer": {"realm": "r"}, "basic": {"realm": "b"}}),
        (
            ["Bearer Realm=r, SERVICE=s", "Basic realm=b"],
            {"bearer": {"realm": "r", "service": "s"}, "basic": {"realm": "b"}},
        ),
        (["Negotiate"], {}),
    ],
)
def test_challenges_are_read(headers: list[str], read: dict[str, dict[str, str]]) -> None:
    assert challenges(headers) == read


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(), st.text('Basic earl="\\,= ')), max_size=3))
def test_any_header_is_read_without_trouble(headers: list[str]) -> None:
    assert set(challenges(headers)) <= {"basic", "bearer"}
