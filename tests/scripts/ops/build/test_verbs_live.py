"""`berth images build`, `check`, `push` and `pin` from the command line, one after the other."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nomad_jobs import registry
from nomad_jobs.errors import ConfigError, Exit
from scripts import images as verb
from scripts.cli import run
from scripts.ops import images
from scripts.ops.build import advisories, recording
from scripts.ops.build import run as building
from scripts.ops.build.context import FOLDER
from scripts.ops.build.inside import look_inside
from scripts.ops.build.run import Built
from tests.support.image_catalogue import serve
from tests.support.image_yard import DETECTOR, Yard
from tests.support.registry import Registry

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("images")]


@pytest.fixture
def team(yard: Yard, hub: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the hub the team's registry, and the yard's lock the repository's; return the image's reference."""
    monkeypatch.setattr(registry, "REGISTRY", replace(registry.REGISTRY, host=hub.address))
    serve(monkeypatch, **{DETECTOR.name: DETECTOR.reference})  # the catalogue may have been read with another registry
    monkeypatch.setattr(images, "LOCK", tmp_path / "images.lock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(yard.cache))
    for name in ("build", "built_before"):
        monkeypatch.setattr(building, name, partial(getattr(building, name), lock=yard.lock))
    return DETECTOR.reference


def test_the_pin_after_a_push_is_the_digest_of_the_build(
    detector: Built, team: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["images", "build", "bot-detector"]) == Exit.DONE
    assert capsys.readouterr().out == f"{team} {detector.record.digest} unchanged\n"
    assert run(["images", "check", "bot-detector"]) == Exit.DONE
    assert "no hole that is still open" in capsys.readouterr().out
    assert run(["images", "push", "bot-detector"]) == Exit.DONE
    assert capsys.readouterr().out == f"{team} {detector.record.digest} pushed\n"
    assert run(["images", "pin", "bot-detector"]) == Exit.DONE
    assert dict(images.read_pins(images.LOCK)) == {team: detector.record.digest}


@pytest.mark.usefixtures("detector", "team")
def test_advisories_that_cannot_be_had_leave_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verb, "OWN_IMAGES", (DETECTOR,))
    monkeypatch.setattr(recording, "FILE", tmp_path / "advisories.json")
    shutil.copyfile(FOLDER / "advisories.json", recording.FILE)
    monkeypatch.setenv("BERTH_OSV_MIRROR", "http://127.0.0.1:9")
    assert run(["images", "advisories"]) == Exit.OTHER
    assert "error OSV: 127.0.0.1 cannot be reached" in capsys.readouterr().err
    assert recording.FILE.read_bytes() == (FOLDER / "advisories.json").read_bytes()


@pytest.mark.usefixtures("detector", "team")
def test_advisories_come_from_debians_changelogs_where_osv_cannot_be_reached(
    detector: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verb, "OWN_IMAGES", (DETECTOR,))
    monkeypatch.setattr(recording, "FILE", tmp_path / "advisories.json")
    shutil.copyfile(FOLDER / "advisories.json", recording.FILE)
    assert run(["images", "advisories", "--changelogs"]) == Exit.DONE
    debian, python = capsys.readouterr().out.splitlines()
    assert debian.startswith("Debian:12: ")
    assert python.startswith("PyPI: 7 records")
    extract = advisories.read(recording.FILE)
    inside = look_inside(detector.layout).packages
    assert [hit for package in inside for hit in extract.about(package)] == []


@pytest.mark.usefixtures("detector", "team")
def test_what_was_never_built_is_not_pushed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["images", "push", "bot-detector", "chat"]) == Exit.CONFIG
    said = capsys.readouterr()
    assert said.out == ""
    assert "error image chat: is not built from these sources — run `berth images build chat`" in said.err


def test_an_image_that_is_none_of_ours_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["images", "build", "chta"]) == Exit.CONFIG
    assert "error image 'chta': is none of ours — they are chat, bot-detector," in capsys.readouterr().err


def test_who_is_not_root_is_told_so_in_one_line(yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="images: building them needs root, which owns the files inside — run `sudo"):
        Yard(tmp_path, yard.lock).build(DETECTOR)
