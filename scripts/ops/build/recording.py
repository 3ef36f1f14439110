"""Writes `images/advisories.json` anew, from OSV or from Debian's changelogs."""

from collections.abc import Sequence
from pathlib import Path

from nomad_jobs.own_images import OwnImage
from scripts.ops.build import advisories, changelogs, osv, run, workplace
from scripts.ops.build.advisories import Extract
from scripts.ops.build.context import FOLDER
from scripts.ops.build.inside import look_inside
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache

FILE = FOLDER / "advisories.json"


def record(images: Sequence[OwnImage], file: Path, progress: Progress, *, from_debian: bool) -> Extract:
    """Write to `file` what is known today of the packages of `images`.

    Raises:
        ConfigError: OSV is to be asked, and an image is not built; or Debian is, and this is not root.
        BerthError: the source cannot be had. The file stays as it was.

    """
    before = advisories.read(file)
    extract = _from_debian(before, images, progress) if from_debian else _from_osv(before, images, progress)
    advisories.write(file, extract)
    return extract


def _from_osv(before: Extract, images: Sequence[OwnImage], progress: Progress) -> Extract:
    built = run.built_before(images, progress)
    packages = [package for one in built for package in look_inside(one.layout).packages]
    return osv.renewed(before, packages, progress)


def _from_debian(before: Extract, images: Sequence[OwnImage], progress: Progress) -> Extract:
    packages = list(dict.fromkeys(package for image in images for package in image.base.packages))
    workplace.prepare(progress)
    with (
        workplace.opened(progress) as folder,
        progress.step("changelogs", "asking Debian's archive"),
        cache.writing("changelogs"),
    ):
        return changelogs.renewed(before, packages, folder)
