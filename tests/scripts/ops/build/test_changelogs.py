"""What the changelogs of Debian's packages say about closed holes."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from scripts.ops.build import changelogs
from scripts.ops.build.advisories import Extract
from scripts.ops.build.packages import Kind, Package
from tests.support.oci import STATUS

DOC = "usr/share/doc"
NEW = "Thu, 22 Oct 2026 00:34:41 +0200"
OLD = "Sun, 27 Sep 2026 21:38:19 +0200"


def entry(source: str, version: str, text: str, day: str = NEW) -> str:
    head = f"{source} ({version}) bookworm-security; urgency=high\n\n"
    return f"{head}  * {text}\n\n -- A Maintainer <a@debian.org>  {day}\n\n"


def archive(folder: Path, status: str, changelogs_of: dict[str, str]) -> Path:
    """Write a root file system with dpkg's status and these packages' changelogs."""
    with tarfile.open(folder / "root.tar", "w") as tar:
        files = {f"{DOC}/{name}": gzip.compress(text.encode()) for name, text in changelogs_of.items()}
        for path, data in {**files, STATUS: status.encode()}.items():
            member = tarfile.TarInfo(f"./{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return folder / "root.tar"


def installed(name: str, version: str, source: str = "") -> str:
    more = f"Source: {source}\n" if source else ""
    return f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n{more}\n"


def found(path: Path) -> list[tuple[str, str, str]]:
    """Give hole, source and fixed version of each record."""
    return [
        (one.id, entry.package.name, entry.ranges[0].events[1].fixed)
        for one in changelogs.records(path)
        for entry in one.affected
    ]


def test_the_first_version_that_names_a_hole_closed_it(tmp_path: Path) -> None:
    text = entry("expat", "2.5.0-1+deb12u5", "Complete CVE-2025-59375, CVE-2026-56132.")
    text += entry("expat", "2.5.0-1+deb12u4", "Fix CVE-2025-59375 and CVE-2025-59375.", OLD)
    text += "# Older entries have been removed from this changelog.\n"
    path = archive(
        tmp_path, installed("libexpat1", "2.5.0-1+deb12u5", "expat"), {"libexpat1/changelog.Debian.gz": text}
    )
    assert found(path) == [
        ("CVE-2025-59375", "expat", "2.5.0-1+deb12u4"),
        ("CVE-2026-56132", "expat", "2.5.0-1+deb12u5"),
    ]
    first, _ = changelogs.records(path)
    assert first.modified == "2026-09-27T19:38:19Z"
    said = first.affected[0].database_specific.source
    assert said == f"changelog of expat 2.5.0-1+deb12u4 in bookworm-security, {OLD}"


def test_a_hole_in_two_sources_is_one_record(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        installed("nginx", "1.22.1-9") + installed("curl", "7.88.1-10"),
        {
            "nginx/changelog.Debian.gz": entry("nginx", "1.22.1-9", "CVE-2023-44487"),
            "curl/changelog.Debian.gz": entry("curl", "7.88.1-10", "CVE-2023-44487"),
        },
    )
    (one,) = changelogs.records(path)
    assert [affected.package.name for affected in one.affected] == ["curl", "nginx"]


def test_only_debians_own_changelogs_and_the_sources_own_entries_are_read(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        installed("dpkg", "1.21.23") + installed("bash", "5.2-1") + installed("python3.11", "3.11.2-6"),
        {
            "dpkg/changelog.gz": entry("dpkg", "1.21.8", "CVE-2022-1664"),
            "bash/changelog.gz": "Changes by the authors: CVE-2014-6271\n",
            "bash/changelog.Debian.gz": entry("bash", "5.2-1", "New release."),
            "python3.11/changelog.Debian.gz": entry("python3.10", "3.10.5-1", "CVE-2015-20107"),
        },
    )
    assert found(path) == [("CVE-2022-1664", "dpkg", "1.21.8")]


@pytest.mark.live
@pytest.mark.xdist_group("images")
def test_the_real_archive_tells_what_its_newest_packages_closed(tmp_path: Path) -> None:
    python = Extract(recorded={}, advisories=[])
    after = changelogs.renewed(python, ["libexpat1"], tmp_path)
    before_fix = Package(kind=Kind.DEBIAN, name="libexpat1", version="2.5.0-1", source="expat")
    fixes = {hit.advisory.id: hit.fixed for hit in after.about(before_fix)}
    assert fixes["CVE-2024-45490"] == "2.5.0-1+deb12u1"
    newest = Package(kind=Kind.DEBIAN, name="libexpat1", version="2.5.0-1+deb12u999", source="expat")
    assert list(after.about(newest)) == []
    assert list(tmp_path.iterdir()) == []
