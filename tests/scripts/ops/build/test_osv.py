"""`berth images advisories` from an export in OSV's form, which a server on loopback serves as OSV does."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.build import osv
from scripts.ops.build.advisories import Extract
from scripts.ops.build.packages import Kind, Package
from scripts.ops.progress import Progress

EMPTY = Extract(recorded={}, advisories=[])
PACKAGES = (
    Package(kind=Kind.DEBIAN, name="libssl3", version="3.0.14-1~deb12u1", source="openssl"),
    Package(kind=Kind.PYTHON, name="PyYAML", version="5.3"),
)


def debian(**more: Any) -> dict[str, Any]:
    """Give a record as OSV's export of Debian has it: several releases, and fields that Berth does not read."""
    return {
        "schema_version": "1.7.0",
        "id": "DEBIAN-CVE-2024-6119",
        "published": "2024-09-03T16:15:07Z",
        "modified": "2026-09-12T11:00:05.986201214Z",
        "withdrawn": "0001-01-01T00:00:00Z",
        "upstream": ["CVE-2024-6119"],
        "details": "A long text.",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
        "references": [{"type": "ADVISORY", "url": "https://security-tracker.debian.org/tracker/CVE-2024-6119"}],
        "affected": [affected(release, end) for release, end in (("12", "3.0.14-1~deb12u2"), ("13", "3.3.2-1"))],
        **more,
    }


def affected(release: str, *fixed: str) -> dict[str, Any]:
    events = [{"introduced": "0"}, *({"fixed": version} for version in fixed)]
    purl = "pkg:deb/debian/openssl?arch=source"
    return {
        "package": {"name": "openssl", "ecosystem": f"Debian:{release}", "purl": purl},
        "ranges": [
            {"type": "ECOSYSTEM", "events": events},
            {"type": "GIT", "repo": "x", "events": [{"limit": "c0ffee"}]},
        ],
        "ecosystem_specific": {"urgency": "not yet assigned"},
        "database_specific": {"source": "https://storage.googleapis.com/debian-osv/x.json"},
    }


def python(name: str = "pyyaml") -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "5.4"}]
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    package = {"ecosystem": "PyPI", "name": name}
    return {
        "id": f"GHSA-{name}",
        "modified": "2021-09-28T19:04:49Z",
        "affected": [{"package": package, "ranges": ranges}],
    }


def export(folder: Path, ecosystem: str, *records: Mapping[str, Any]) -> None:
    """Lay an export where OSV has it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, record in enumerate(records):
            archive.writestr(f"{number}.json", json.dumps(record))
    (folder / ecosystem).mkdir(exist_ok=True)
    (folder / ecosystem / "all.zip").write_bytes(packed.getvalue())


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve this folder as OSV's; at first with a record of each ecosystem."""
    export(tmp_path, "Debian", debian())
    export(tmp_path, "PyPI", python())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("BERTH_OSV_MIRROR", f"http://127.0.0.1:{server.server_address[1]}/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield tmp_path
        server.shutdown()
        thread.join()


def renewed(before: Extract = EMPTY) -> Extract:
    return osv.renewed(before, PACKAGES, Progress())


def test_what_hits_our_packages_is_known_afterwards(exports: Path) -> None:
    assert exports.is_dir()
    extract = renewed()
    hits = [(hit.advisory.id, hit.fixed) for package in PACKAGES for hit in extract.about(package)]
    assert hits == [("DEBIAN-CVE-2024-6119", "3.0.14-1~deb12u2"), ("GHSA-pyyaml", "5.4")]
    debians, python_s = extract.scope
    assert debians.startswith("Debian:12: 1 records as of 20")
    assert "the newest of 2026-09-12. It holds what OSV had that day" in debians
    assert python_s.startswith("PyPI: 1 records")
    assert extract.parts["Debian:12"].source.endswith("/Debian/all.zip")


def test_only_our_packages_our_release_and_what_stands_is_kept(exports: Path) -> None:
    others = [
        debian(id="OTHER-RELEASE", affected=[affected("13", "3.3.2-1")]),
        debian(id="TAKEN-BACK", withdrawn="2025-01-01T00:00:00Z"),
        {"id": "NO-PACKAGES", "modified": "2025-01-01T00:00:00Z"},
    ]
    export(exports, "Debian", debian(), *others)
    export(exports, "PyPI", python(), python("not-ours"))
    extract = renewed()
    assert [one.id for one in extract.advisories] == ["DEBIAN-CVE-2024-6119", "GHSA-pyyaml"]
    assert [one.package.ecosystem for one in extract.advisories[0].affected] == ["Debian:12"]


def test_a_hole_without_a_fix_is_kept_as_one(exports: Path) -> None:
    export(exports, "Debian", debian(affected=[affected("12")]))
    assert [hit.fixed for hit in renewed().about(PACKAGES[0])] == [""]


def test_records_that_are_gone_from_the_export_are_gone_here(exports: Path) -> None:
    before = renewed()
    export(exports, "Debian", debian(id="NEWER"))
    assert [one.id for one in renewed(before).advisories] == ["GHSA-pyyaml", "NEWER"]


def test_an_export_that_is_not_there_is_named(exports: Path) -> None:
    (exports / "PyPI" / "all.zip").unlink()
    with pytest.raises(BerthError, match=r"OSV: http://.*/PyPI/all\.zip answers HTTP 404 — name a mirror"):
        renewed()


def test_a_server_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERTH_OSV_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(BerthError, match=r"OSV: 127\.0\.0\.1 cannot be reached .* or add --changelogs"):
        renewed()


@pytest.mark.parametrize("body", [b"<html>log in first", b""])
def test_what_is_no_export_is_named(exports: Path, body: bytes) -> None:
    (exports / "Debian" / "all.zip").write_bytes(body)
    with pytest.raises(BerthError, match=r"OSV: .* cannot be read: File is not a zip file — .*stays as it was"):
        renewed()


def test_a_record_of_another_form_is_named(exports: Path) -> None:
    export(exports, "Debian", debian(affected=[{**affected("12"), "ranges": "none"}]))
    with pytest.raises(BerthError, match=r"OSV: .* cannot be read: 1 validation error for Advisory"):
        renewed()


def test_an_export_about_nothing_of_ours_is_refused(exports: Path) -> None:
    export(exports, "Debian", debian(affected=[affected("11", "1.1.1w-0+deb11u2")]))
    with pytest.raises(BerthError, match=r"OSV: .* has no record of any of our 1 packages"):
        renewed()
