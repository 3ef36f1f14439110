"""`berth images` from the command line, with a catalogue that lives in a real registry."""

import base64
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from nomad_jobs import catalog, registry
from nomad_jobs.errors import Exit
from nomad_jobs.images import Pins, dump_lock
from nomad_jobs.model import Container, Override
from scripts.cli import run
from scripts.ops import images
from tests.support.image_catalogue import serve
from tests.support.registry import PASSWORD, USER, Registry

pytest_plugins = ["tests.support.registry_fixtures"]

DIGEST = "sha256:" + "a" * 64


@pytest.mark.live
def test_pin_then_list_shows_the_digest(
    hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hub.push("verb", "1", "x")
    image = f"{hub.address}/verb:1"
    serve(monkeypatch, web=image, api=image, later="nginx:1.28")
    assert run(["images", "pin", "web"]) == Exit.DONE
    assert capsys.readouterr().out == f"{image} {digest} pinned\n"
    assert run(["images", "list"]) == Exit.DONE
    assert capsys.readouterr().out == f"{image} {digest} (web, api)\nnginx:1.28 unpinned (later)\n"
    assert run(["images", "list", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == [
        {"image": image, "digest": digest, "services": ["web", "api"]},
        {"image": "nginx:1.28", "digest": None, "services": ["later"]},
    ]
    assert lock.exists()


@pytest.mark.live
def test_partly_pinned_is_code_11_and_keeps_what_was_found(
    hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hub.push("verb", "2", "x")
    serve(monkeypatch, web=f"{hub.address}/verb:2", api=f"{hub.address}/verb:none")
    assert run(["images", "pin"]) == Exit.PARTIAL
    shown = capsys.readouterr()
    assert shown.out == f"{hub.address}/verb:2 {digest} pinned\n"
    assert f"error image {hub.address}/verb:none: {hub.address} has no tag 'none' in verb" in shown.err
    assert lock.read_text() == dump_lock(Pins({f"{hub.address}/verb:2": digest}))


@pytest.mark.live
def test_logins_are_used_and_never_shown(
    private_hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, web=f"{private_hub.address}/app:1", api=f"{private_hub.address}/app:none")
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    lock.with_name("config.json").write_text(json.dumps({"auths": {private_hub.address: {"auth": auth}}}))
    assert run(["--debug", "images", "pin"]) == Exit.PARTIAL
    shown = "".join(capsys.readouterr())
    assert "pinned" in shown
    assert "Traceback" in shown
    assert PASSWORD not in shown
    assert auth not in shown


@pytest.mark.live
def test_without_the_login_it_is_code_3_and_no_lock(
    private_hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, web=f"{private_hub.address}/app:1")
    assert run(["images", "pin"]) == Exit.AUTH
    assert f"run `docker login {private_hub.address}`" in capsys.readouterr().err
    assert not lock.exists()


def test_a_registry_that_is_down_is_code_1_and_no_lock(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        serve(monkeypatch, web=f"127.0.0.1:{taken.getsockname()[1]}/app:1")
        assert run(["images", "pin"]) == Exit.OTHER
    assert "Connection refused" in capsys.readouterr().err
    assert not lock.exists()


def test_a_service_that_is_not_there_is_code_2(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, web="nginx:1.28", api="nginx:1.28")
    assert run(["images", "pin", "wep"]) == Exit.CONFIG
    assert "error service 'wep': is not in the catalogue — it has web, api" in capsys.readouterr().err
    assert not lock.exists()


def test_every_image_of_the_real_catalogue_is_a_tag(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = [image for service in catalog.SERVICES for image in service.images]
    lock.write_text(dump_lock(Pins(dict.fromkeys(listed, DIGEST))))
    assert run(["images", "list"]) == Exit.DONE
    assert "unpinned" not in capsys.readouterr().out


def test_an_image_that_one_stack_alone_runs_is_listed_too(
    monkeypatch: pytest.MonkeyPatch, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = replace(catalog.SERVICES[0], name="web", overrides=(), container=Container(image="web:1"))
    monkeypatch.setattr(catalog, "SERVICES", (replace(plain, overrides=(Override(stack="dev", tag="2"),)),))
    assert run(["images", "list"]) == Exit.DONE
    assert capsys.readouterr().out == "web:1 unpinned (web)\nweb:2 unpinned (web)\n"
    assert not lock.exists()


@pytest.mark.live
def test_an_image_of_ours_that_no_service_runs_from_is_pinned_by_its_name(
    hub: Registry, lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hub.push("backend/berth-ci/main", "0.1.0", "ci")
    monkeypatch.setattr(registry, "REGISTRY", replace(registry.REGISTRY, host=hub.address))
    web = f"{hub.address}/web:1"
    hub.push("web", "1", "web")
    serve(monkeypatch, web=web)
    assert run(["images", "pin", "berth-ci"]) == Exit.DONE
    assert capsys.readouterr().out == f"{hub.address}/backend/berth-ci/main:0.1.0 {digest} pinned\n"
    assert run(["images", "pin"]) == Exit.DONE
    assert sorted(images.read_pins(lock)) == sorted([web, f"{hub.address}/backend/berth-ci/main:0.1.0"])
