"""Records what OSV (osv.dev) knows today of what is inside our images, from its export of each ecosystem."""

import datetime as dt
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from nomad_jobs.errors import BerthError
from scripts.ops.build.advisories import ECOSYSTEMS, Advisory, Extract, Part
from scripts.ops.build.packages import Kind, Package
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, download
from scripts.ops.toolchain.ways import UnavailableError, bar

_EXPORTS = "https://osv-vulnerabilities.storage.googleapis.com"
_KEPT = "images/advisories.json stays as it was"
_LEAVES_OUT = "It holds what OSV had that day, and nothing that was published later."


def renewed(before: Extract, packages: Sequence[Package], progress: Progress) -> Extract:
    """Give the extract with today's records of `packages`.

    Raises:
        BerthError: OSV's export cannot be had or read, or says nothing about these packages.

    """
    extract = before
    for kind in Kind:
        names = {_canonical(kind, one.source or one.name) for one in packages if one.kind is kind}
        url = _url(kind)
        records = _records(url, kind, names, progress)
        if not records:
            what = f"{url} has no record of any of our {len(names)} packages"
            raise BerthError("OSV", what, f"look at what is served there; {_KEPT}")
        part = Part(day=dt.datetime.now(dt.UTC).date(), source=url, leaves_out=_LEAVES_OUT)
        extract = extract.renewed(ECOSYSTEMS[kind], part, records)
    return extract


def _url(kind: Kind) -> str:
    """Give the place of an ecosystem's export; all releases of Debian are in one."""
    exports = os.environ.get("BERTH_OSV_MIRROR", _EXPORTS).rstrip("/")
    return f"{exports}/{ECOSYSTEMS[kind].partition(':')[0]}/all.zip"


def _records(url: str, kind: Kind, names: set[str], progress: Progress) -> list[Advisory]:
    with (
        progress.step(f"OSV {ECOSYSTEMS[kind]}", "downloading") as step,
        cache.writing("OSV"),
        tempfile.TemporaryDirectory(prefix="berth-") as folder,
    ):
        file = Path(folder) / "all.zip"
        try:
            download.fetch(url, file, lambda have, total: step.says(bar(have, total)))
            step.says("reading")
            with zipfile.ZipFile(file) as archive:
                found = list(_about(archive, kind, names))
        except UnavailableError as error:
            fix = f"name a mirror with BERTH_OSV_MIRROR, or add --changelogs; {_KEPT}"
            raise BerthError("OSV", str(error), fix) from error
        except (zipfile.BadZipFile, ValueError) as error:
            what = f"{url} cannot be read: {' '.join(str(error).split())[:200]}"
            raise BerthError("OSV", what, f"try again later; {_KEPT}") from error
        step.says(f"{len(found)} records")
    return found


def _about(archive: zipfile.ZipFile, kind: Kind, names: set[str]) -> Iterator[Advisory]:
    """Read the records about `names`, each without what it says of other packages and releases."""
    for file in archive.namelist():
        raw = json.loads(archive.read(file))
        ours = [one for one in raw.get("affected", []) if _is_wanted(one.get("package", {}), kind, names)]
        record = Advisory.model_validate({**raw, "affected": ours}) if ours else None
        if record and not record.is_withdrawn:
            yield record


def _is_wanted(package: dict[str, str], kind: Kind, names: set[str]) -> bool:
    return package.get("ecosystem") == ECOSYSTEMS[kind] and _canonical(kind, package.get("name", "")) in names


def _canonical(kind: Kind, name: str) -> str:
    return canonicalize_name(name) if kind is Kind.PYTHON else name
