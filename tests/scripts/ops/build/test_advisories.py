"""The recorded extract of OSV, and what it says of a version."""

import json
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.errors import ConfigError
from scripts.ops.build import advisories
from scripts.ops.build.context import FOLDER
from scripts.ops.build.packages import Kind, Package


def extract(folder: Path, *events: dict[str, str], ecosystem: str = "PyPI", name: str = "idna", **more: Any) -> Path:
    """Write an extract with one advisory."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, **more}
    advisory = {"id": "X-1", "summary": "a hole", "affected": [affected]}
    page = {"recorded": "2026-11-27", "source": "a test", "leaves_out": "all else", "advisories": [advisory]}
    (folder / "advisories.json").write_text(json.dumps(page))
    return folder / "advisories.json"


def affected(path: Path, version: str, *, kind: Kind = Kind.PYTHON, name: str = "idna", source: str = "") -> bool:
    package = Package(kind=kind, name=name, version=version, source=source)
    return bool(list(advisories.read(path).about(package)))


@pytest.mark.parametrize(
    ("version", "is_hit"), [("3.6", True), ("3.7", False), ("3.10", False), ("3.7rc1", True), ("0.1", True)]
)
def test_a_version_before_the_fix_is_hit(tmp_path: Path, version: str, is_hit: bool) -> None:
    assert affected(extract(tmp_path, {"introduced": "0"}, {"fixed": "3.7"}), version) == is_hit


def test_a_hole_that_was_opened_again_is_one_again(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"last_affected": "4"})
    assert [affected(path, version) for version in ("0.9", "1.5", "2", "3.1", "4", "4.1")] == [
        False,
        True,
        False,
        True,
        True,
        False,
    ]


def test_names_of_wheels_are_compared_as_the_index_does(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "0"}, {"fixed": "5.4"}, name="Py_YAML")
    assert affected(path, "5.3", name="py-yaml")


def test_debian_is_asked_by_source_and_in_its_own_order(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "0"}, {"fixed": "3.0.17-1~deb12u3"}, ecosystem="Debian:12", name="openssl")
    hit = [
        affected(path, v, kind=Kind.DEBIAN, name="libssl3", source="openssl") for v in ("3.0.17-1~deb12u2", "3.0.17-1")
    ]
    assert hit == [True, False]
    assert not affected(path, "1.0", name="openssl")


def test_what_was_withdrawn_hits_nothing(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "0"})
    page = json.loads(path.read_text())
    page["advisories"][0]["withdrawn"] = "2026-01-01T00:00:00Z"
    path.write_text(json.dumps(page))
    assert not affected(path, "1.0")


def test_our_own_extract_says_of_which_day_it_is_and_what_it_leaves_out() -> None:
    ours = advisories.read(FOLDER / "advisories.json")
    assert str(ours.recorded) in ours.scope
    assert "Debian" in ours.scope
    assert affected(FOLDER / "advisories.json", "0.24.0", name="starlette")


def test_an_extract_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "advisories.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"advisories\.json: cannot be read: .* — restore it from git"):
        advisories.read(tmp_path / "advisories.json")
