"""One tag's lookup when what stands between here and the registry lies, fails or stalls."""

from typing import Any

import pytest

from nomad_jobs.errors import BerthError, DeadlineError
from scripts.ops.docker_login import Login
from tests.support.registry import PASSWORD, USER, Registry, is_served, look_up
from tests.support.registry_peers import Exchange, Proxy

pytest_plugins = ["tests.support.registry_fixtures"]

LOGIN = Login(USER, PASSWORD)
OTHER_DIGEST = "sha256:" + "0" * 64


def announces_another(exchange: Exchange) -> None:
    exchange.headers["docker-content-digest"] = OTHER_DIGEST


def announces_nothing(exchange: Exchange) -> None:
    del exchange.headers["docker-content-digest"]


def changes_a_byte(exchange: Exchange) -> None:
    exchange.body = exchange.body.replace(b"one", b"two")


def serves_a_login_page(exchange: Exchange) -> None:
    exchange.headers = {"content-type": "text/html; charset=utf-8"}
    exchange.body = b"<html>Welcome to the hotel's wireless network"


def serves_too_much(exchange: Exchange) -> None:
    exchange.body += b" " * 5_000_000


def leads_away_from_tls(exchange: Exchange) -> None:
    exchange.status = 307
    exchange.headers = {"location": "http://registry.example.com/v2/"}


def asks_for_the_login_elsewhere(exchange: Exchange) -> None:
    exchange.status = 401
    exchange.headers = {"www-authenticate": 'Bearer realm="http://registry.example.com/token",service="x"'}


@pytest.mark.live
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (announces_another, f"announced {OTHER_DIGEST}, but served sha256:"),
        (changes_a_byte, "announced sha256:.* but served sha256:"),
        (serves_a_login_page, "served text/html, which is no image manifest"),
        (serves_too_much, "served more than 4194304 bytes"),
        (leads_away_from_tls, "leads to registry.example.com without TLS"),
        (asks_for_the_login_elsewhere, "leads to registry.example.com without TLS"),
    ],
)
def test_what_cannot_be_trusted_gives_no_digest(hub_proxy: Proxy, fault: Any, message: str) -> None:
    hub_proxy.fault = fault
    with pytest.raises(BerthError, match=message):
        look_up(f"{hub_proxy.address}/app:1", login=LOGIN)


@pytest.mark.live
def test_a_registry_that_announces_no_digest_is_taken_by_its_bytes(hub: Registry, hub_proxy: Proxy) -> None:
    hub_proxy.fault = announces_nothing
    assert look_up(f"{hub_proxy.address}/app:1") == look_up(f"{hub.address}/app:1")


@pytest.mark.live
@pytest.mark.parametrize("header", ["", "Basic", "Bearer", "Negotiate", 'Bearer realm="http://["', "Bearer realm=/t"])
def test_a_challenge_that_makes_no_sense_is_an_error_in_words(hub_proxy: Proxy, header: str) -> None:
    def fault(exchange: Exchange) -> None:
        exchange.status = 401
        exchange.headers = {"www-authenticate": header}

    hub_proxy.fault = fault
    with pytest.raises(BerthError, match=f"{hub_proxy.address} (wants a login|cannot be asked|leads to)"):
        look_up(f"{hub_proxy.address}/app:1")


@pytest.mark.live
@pytest.mark.parametrize(("failures", "tries"), [(2, 3), (9, 3)])
def test_what_may_pass_is_tried_three_times(hub_proxy: Proxy, failures: int, tries: int) -> None:
    def fault(exchange: Exchange) -> None:
        exchange.status = 503 if len(hub_proxy.seen) <= failures else exchange.status

    hub_proxy.fault = fault
    if failures < tries:
        assert look_up(f"{hub_proxy.address}/app:1").startswith("sha256:")
    else:
        with pytest.raises(BerthError, match="answered 503 — try again later"):
            look_up(f"{hub_proxy.address}/app:1")
    assert len(hub_proxy.seen) == tries


@pytest.mark.live
def test_a_registry_that_drips_meets_the_deadline(hub_proxy: Proxy) -> None:
    def fault(exchange: Exchange) -> None:
        exchange.drip = True

    hub_proxy.fault = fault
    with pytest.raises(DeadlineError, match="did not give its digest in time"):
        look_up(f"{hub_proxy.address}/app:1", deadline_s=0.5)


@pytest.mark.live
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (announces_another, f"gave {OTHER_DIGEST} when it was asked for sha256:"),
        (serves_a_login_page, "served text/html, which is no image manifest"),
        (leads_away_from_tls, "leads to registry.example.com without TLS"),
    ],
)
def test_what_cannot_be_trusted_serves_nothing(hub: Registry, hub_proxy: Proxy, fault: Any, message: str) -> None:
    digest = look_up(f"{hub.address}/app:1")
    hub_proxy.fault = fault
    with pytest.raises(BerthError, match=message):
        is_served(f"{hub_proxy.address}/app:1", digest)


@pytest.mark.live
def test_a_digest_is_asked_for_by_one_head(hub: Registry, hub_proxy: Proxy) -> None:
    digest = look_up(f"{hub.address}/app:1")
    assert is_served(f"{hub_proxy.address}/app:no-such-tag", digest)
    assert not is_served(f"{hub_proxy.address}/app:1", OTHER_DIGEST)
    assert [(one.method, one.path) for one in hub_proxy.seen] == [
        ("HEAD", f"/v2/app/manifests/{digest}"),
        ("HEAD", f"/v2/app/manifests/{OTHER_DIGEST}"),
    ]


@pytest.mark.live
def test_an_index_whose_image_is_gone_is_not_served(hub: Registry) -> None:
    index = hub.push("halved-index", "1", "x", index=True)
    child = look_up(f"{hub.address}/halved-index:child")
    assert is_served(f"{hub.address}/halved-index:1", index)
    hub.delete("halved-index", child)
    assert not is_served(f"{hub.address}/halved-index:1", index)


@pytest.mark.live
def test_only_the_image_for_our_nodes_counts(hub: Registry) -> None:
    index = hub.push("arm-index", "1", "x", index=True, architecture="arm64")
    hub.delete("arm-index", look_up(f"{hub.address}/arm-index:child"))
    assert is_served(f"{hub.address}/arm-index:1", index)


@pytest.mark.live
def test_an_index_of_other_bytes_is_not_trusted(hub: Registry, hub_proxy: Proxy) -> None:
    index = hub.push("other-index", "1", "x", index=True)
    hub_proxy.fault = lambda exchange: setattr(exchange, "body", exchange.body.replace(b"amd64", b"arm64"))
    with pytest.raises(BerthError, match=r"announced sha256:.*, but served sha256:"):
        is_served(f"{hub_proxy.address}/other-index:1", index)
