"""Reads from the changelogs of Debian's packages which holes each of their versions closed.

Only Debian's archive has to be reached for that, and its signature vouches for them.
"""

import datetime as dt
import gzip
import logging
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

from debian.changelog import ChangeBlock, Changelog
from debian.deb822 import Deb822

from nomad_jobs.own_images import Base
from scripts.ops.build import bases
from scripts.ops.build.advisories import (
    COMPARED,
    ECOSYSTEMS,
    START,
    Advisory,
    Affected,
    Event,
    Extract,
    Name,
    Origin,
    Part,
    Range,
)
from scripts.ops.build.debian_lock import DebianLock
from scripts.ops.build.packages import Kind

_KEPT = "/usr/share/doc/*/changelog*"
_FILE = re.compile(r"usr/share/doc/([^/]+)/changelog(?:\.Debian)?\.gz")
_CVE = re.compile(r"\bCVE-\d{4}-\d{4,}\b")
_ECOSYSTEM = ECOSYSTEMS[Kind.DEBIAN]
_LEAVES_OUT = (
    "It holds what the changelog of a version says that it closed: no hole that is still open, none that no changelog "
    "names, and nothing later. Where several versions name one hole, the first of them counts."
)
logging.getLogger("debian.changelog").addHandler(logging.NullHandler())  # it would warn about the comment at the end


def renewed(before: Extract, packages: Sequence[str], folder: Path) -> Extract:
    """Give the extract with what the newest versions of Debian's `packages` say; other ecosystems stay.

    Raises:
        BerthError: Debian's archive cannot be had, or the disk is full.

    """
    day = dt.datetime.now(dt.UTC).date()
    archive = folder / "changelogs.tar"
    base = Base(name="changelogs", packages=tuple(packages))
    bases.make(base, DebianLock(day=day).epoch, archive, keeps=[_KEPT])
    part = Part(day=day, source="the changelogs in Debian's archive", leaves_out=_LEAVES_OUT)
    after = before.renewed(_ECOSYSTEM, part, records(archive))
    archive.unlink()
    return after


def records(archive: Path) -> list[Advisory]:
    """Read a root file system's tar; sorted."""
    closed: dict[str, dict[str, ChangeBlock]] = {}
    for source, text in _changelogs(archive):
        for block in Changelog(text):
            if block.package == source:  # older entries may be of another source, whose versions say nothing here
                for cve in set(_CVE.findall("\n".join(block.changes()))):
                    closed.setdefault(cve, {})[source] = block  # the oldest entry comes last, and counts
    return [_advisory(cve, blocks) for cve, blocks in sorted(closed.items())]


def _changelogs(archive: Path) -> Iterator[tuple[str, str]]:
    """Give each source with its changelog; a native package's has the name that is the authors' own elsewhere."""
    texts: dict[str, list[str]] = {}
    status = ""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            match = _FILE.fullmatch(name)
            file = tar.extractfile(member) if member.isfile() and (match or name == bases.STATUS) else None
            if file and match:
                texts.setdefault(match[1], []).append(gzip.decompress(file.read()).decode(errors="replace"))
            elif file:
                status = file.read().decode()
    sources: dict[str, str] = {}
    for one in Deb822.iter_paragraphs(status.splitlines()):
        source = one.get("Source", one["Package"]).partition(" ")[0]
        for text in texts.get(one["Package"], []):
            if text.startswith(f"{source} ("):
                sources.setdefault(source, text)
    yield from sorted(sources.items())


def _advisory(cve: str, blocks: Mapping[str, ChangeBlock]) -> Advisory:
    day = max(parsedate_to_datetime(block.date or "").astimezone(dt.UTC) for block in blocks.values())
    affected = [_affected(source, block) for source, block in sorted(blocks.items())]
    return Advisory(id=cve, modified=day.strftime("%Y-%m-%dT%H:%M:%SZ"), affected=affected)


def _affected(source: str, block: ChangeBlock) -> Affected:
    version = str(block.version)
    return Affected(
        package=Name(ecosystem=_ECOSYSTEM, name=source),
        ranges=[Range(type=COMPARED, events=[Event(introduced=START), Event(fixed=version)])],
        database_specific=Origin(source=f"changelog of {source} {version} in {block.distributions}, {block.date}"),
    )
