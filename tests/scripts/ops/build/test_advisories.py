"""The recorded extract of OSV, and what it says of a version."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_jobs.errors import ConfigError
from scripts.ops.build import advisories
from scripts.ops.build.context import FOLDER
from scripts.ops.build.inside import look_inside
from scripts.ops.build.packages import Kind, Package
from tests.support.oci import STATUS, layout


def extract(folder: Path, *events: dict[str, str], ecosystem: str = "PyPI", name: str = "idna", **more: Any) -> Path:
    """Write an extract with one advisory."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, **more}
    advisory = {"id": "X-1", "summary": "a hole", "affected": [affected]}
    part = {"day": "2026-11-27", "source": "a test", "leaves_out": "all else"}
    page = {"recorded": {ecosystem: part}, "advisories": [advisory]}
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


def test_a_package_with_a_version_of_its_own_is_held_by_its_sources(tmp_path: Path) -> None:
    path = extract(
        tmp_path, {"introduced": "0"}, {"fixed": "2.38.1-5+deb12u1"}, ecosystem="Debian:12", name="util-linux"
    )
    status = "Package: bsdutils\nStatus: install ok installed\nVersion: 1:2.38.1-5\nSource: util-linux (2.38.1-5)\n"
    (inside,) = look_inside(layout(tmp_path, {STATUS: status})).packages
    assert [hit.fixed for hit in advisories.read(path).about(inside)] == ["2.38.1-5+deb12u1"]


_UPSTREAM = st.text("0123456789abz.+~", min_size=1, max_size=8).map("1{}".format)
_VERSIONS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "0:", "1:"]),
    _UPSTREAM,
    st.text("0123456789az.+~", max_size=8).map(lambda revision: f"-{revision}" if revision else ""),
)


@settings(max_examples=60, deadline=None)
@given(_VERSIONS, _VERSIONS)
def test_versions_are_ordered_as_dpkg_orders_them(one: str, other: str) -> None:
    path = Path(tempfile.mkdtemp())
    extract(path, {"introduced": "0"}, {"fixed": other}, ecosystem="Debian:12", name="x")
    older = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0
    assert affected(path / "advisories.json", one, kind=Kind.DEBIAN, name="x", source="x") == older
    shutil.rmtree(path)


def test_events_count_in_the_order_of_their_versions(tmp_path: Path) -> None:
    path = extract(tmp_path, {"fixed": "4"}, {"introduced": "3"}, {"fixed": "2"}, {"introduced": "0"})
    assert [affected(path, version) for version in ("1", "2.5", "3.5", "4")] == [True, False, True, False]


def test_a_version_that_cannot_be_compared_counts_as_hit(tmp_path: Path) -> None:
    assert affected(extract(tmp_path, {"introduced": "0"}, {"fixed": "2.0.Final"}), "3")


def test_what_ends_it_is_said(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "0"}, {"fixed": "2"}, {"introduced": "3"}, {"last_affected": "4"})
    ends = [
        hit.fixed
        for version in ("1", "3.5")
        for hit in advisories.read(path).about(Package(kind=Kind.PYTHON, name="idna", version=version))
    ]
    assert ends == ["2", "one after 4"]


def test_what_was_withdrawn_hits_nothing(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "0"})
    page = json.loads(path.read_text())
    page["advisories"][0]["withdrawn"] = "2026-01-01T00:00:00Z"
    path.write_text(json.dumps(page))
    assert not affected(path, "1.0")


def test_a_time_that_nobody_knew_withdraws_nothing(tmp_path: Path) -> None:
    path = extract(tmp_path, {"introduced": "0"})
    page = json.loads(path.read_text())
    page["advisories"][0]["withdrawn"] = "0001-01-01T00:00:00Z"
    path.write_text(json.dumps(page))
    assert affected(path, "1.0")


def test_our_own_extract_says_of_which_day_it_is_and_what_it_leaves_out() -> None:
    ours = advisories.read(FOLDER / "advisories.json")
    debian, python = ours.scope
    assert re.match(
        r"Debian:12: \d{3,} records as of 20\d\d-\d\d-\d\d, the newest of 20\d\d-\d\d-\d\d\. It holds", debian
    )
    assert python.startswith("PyPI: ")
    assert affected(FOLDER / "advisories.json", "0.24.0", name="starlette")


@pytest.mark.parametrize(
    ("source", "version", "cve"),
    [  # as the security team announced them: DSA-5764-1, DSA-5770-1, DSA-5769-1, DSA-5673-1
        ("openssl", "3.0.14-1~deb12u2", "CVE-2024-6119"),
        ("expat", "2.5.0-1+deb12u1", "CVE-2024-45490"),
        ("git", "1:2.39.5-0+deb12u1", "CVE-2024-32002"),
        ("glibc", "2.36-9+deb12u6", "CVE-2024-2961"),
    ],
)
def test_our_own_extract_agrees_with_debians_announcements(source: str, version: str, cve: str) -> None:
    ours = advisories.read(FOLDER / "advisories.json")
    older = Package(kind=Kind.DEBIAN, name="x", version=f"{version}~", source=source)
    fixed = Package(kind=Kind.DEBIAN, name="x", version=version, source=source)
    assert [hit.fixed for hit in ours.about(older) if hit.advisory.id == cve] == [version]
    assert [hit.fixed for hit in ours.about(fixed) if hit.advisory.id == cve] == []


def test_what_is_written_is_what_is_read_a_record_a_line(tmp_path: Path) -> None:
    ours = advisories.read(FOLDER / "advisories.json")
    advisories.write(tmp_path / "advisories.json", ours)
    assert (tmp_path / "advisories.json").read_bytes() == (FOLDER / "advisories.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["advisories.json"]


def test_an_extract_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "advisories.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"advisories\.json: cannot be read: .* — restore it from git"):
        advisories.read(tmp_path / "advisories.json")
