"""`berth images served` from the command line: what real registries still have of what the lock pins."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from nomad_jobs import registry
from nomad_jobs.errors import Exit
from nomad_jobs.images import Pins, dump_lock
from scripts.cli import run
from tests.support.image_catalogue import serve
from tests.support.registry import Registry, look_up
from tests.support.registry_peers import Exchange, Proxy

pytest_plugins = ["tests.support.registry_fixtures"]
pytestmark = pytest.mark.live

NEVER = "sha256:" + "0" * 64


def test_what_is_served_is_code_0_also_after_its_tag_has_moved(
    hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, index = hub.push("served", "1", "before"), hub.push("served", "2", "index", index=True)
    hub.push("served", "1", "after")
    one, two = f"{hub.address}/served:1", f"{hub.address}/served:2"
    serve(monkeypatch, web=one, api=one, multi=two, later="nginx:1.28")
    lock.write_text(dump_lock(Pins({one: before, two: index})))
    assert run(["images", "served"]) == Exit.DONE
    assert capsys.readouterr().out.splitlines() == [
        f"{one} {before} served (web, api)",
        f"{two} {index} served (multi)",
        "nginx:1.28 - unpinned (later)",
    ]


def test_what_is_gone_is_code_2_and_says_what_to_do(
    hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, kept = hub.push("gone", "1", "soon gone"), hub.push("kept", "1", "kept")
    hub.delete("gone", digest)
    gone, stays = f"{hub.address}/gone:1", f"{hub.address}/kept:1"
    serve(monkeypatch, web=gone, api=stays)
    lock.write_text(dump_lock(Pins({gone: digest, stays: kept})))
    assert run(["images", "served", "--json"]) == Exit.CONFIG
    shown = capsys.readouterr()
    assert json.loads(shown.out) == [
        {"image": gone, "digest": digest, "state": "gone", "services": ["web"], "error": None},
        {"image": stays, "digest": kept, "state": "served", "services": ["api"], "error": None},
    ]
    assert (
        f"error image {gone}: {hub.address} no longer serves all of {digest}: a node that restarts cannot fetch it — "
        "run `berth images pin web`, read what moved, and deploy"
    ) in shown.err
    assert run(["images", "served", "api"]) == Exit.DONE


def test_an_image_of_ours_that_is_gone_can_be_built_again(
    hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "REGISTRY", replace(registry.REGISTRY, host=hub.address))
    chat = f"{hub.address}/backend/chat/main:0.1.0"
    serve(monkeypatch, chat=chat)
    lock.write_text(dump_lock(Pins({chat: NEVER})))
    assert run(["images", "served"]) == Exit.CONFIG
    assert "run `berth images build chat` and `berth images push chat`; with another" in capsys.readouterr().err


def test_a_registry_that_gives_no_answer_is_no_proof(
    hub: Registry,
    private_hub: Registry,
    lock: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    digest = look_up(f"{hub.address}/app:1")
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{taken.getsockname()[1]}/app:1"
        good, refused = f"{hub.address}/app:1", f"{private_hub.address}/app:1"
        serve(monkeypatch, web=good, api=refused, far=away)
        lock.write_text(dump_lock(Pins(dict.fromkeys([good, refused, away], digest))))
        assert run(["images", "served"]) == Exit.PARTIAL
        shown = capsys.readouterr()
        assert [line.split()[2] for line in shown.out.splitlines()] == ["served", "unknown", "unknown"]
        assert f"run `docker login {private_hub.address}`" in shown.err
        assert "Connection refused" in shown.err
        assert run(["images", "served", "api"]) == Exit.AUTH
        assert run(["images", "served", "far"]) == Exit.OTHER
        lock.write_text(dump_lock(Pins({good: NEVER, away: digest})))
        assert run(["images", "served"]) == Exit.CONFIG


def test_all_registries_meet_one_deadline(
    hub: Registry, hub_proxy: Proxy, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def always_busy(exchange: Exchange) -> None:
        exchange.status = 503

    hub_proxy.fault = always_busy
    images = [f"{hub_proxy.address}/app:1", f"{hub_proxy.address}/public/app:1"]
    serve(monkeypatch, web=images[0], api=images[1])
    lock.write_text(dump_lock(Pins(dict.fromkeys(images, look_up(f"{hub.address}/app:1")))))
    assert run(["images", "served", "--deadline-s", "1"]) == Exit.DEADLINE
    assert capsys.readouterr().err.count("in time — give it more with --deadline-s") == 2


def test_a_lock_without_pins_is_nothing_to_ask_for(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, web="nginx:1.28")
    assert run(["images", "served"]) == Exit.CONFIG
    assert "error images.lock: pins none of these images" in capsys.readouterr().err
    assert not lock.exists()
