"""Turns a root file system or a Dockerfile into an image with `buildah`, in a storage that is gone afterwards."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.own_images import OwnImage
from scripts.ops.build import steps

_PREFIX = ".work-"
_PACKED = "--disable-compression=false"
"""A layer's digest is that of its packed bytes, so they are packed once, here, and not again by each push."""
_NO_LOGINS = {"DOCKER_CONFIG": "", "REGISTRY_AUTH_FILE": ""}
"""buildah looks for the file of logins that these name, and fails without it, although it asks no registry here."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """A container storage of its own, which knows no registry and no other image."""

    folder: Path

    def base(self, where: str, archive: Path, epoch: int, layout: Path) -> None:
        """Make a root file system's tar into an image of one layer, in the folder `layout`."""
        container = self._buildah(where, "from", "scratch").strip()
        self._buildah(where, "add", "--quiet", container, str(archive), "/")
        self._buildah(where, "config", "--env=PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", container)
        words = ("--quiet", "--identity-label=false", "--format=oci", f"--timestamp={epoch}", "--rm", _PACKED)
        self._buildah(where, "commit", *words, container, f"oci:{layout}:base")

    def image(self, image: OwnImage, base: Path, context: Path, epoch: int, layout: Path) -> None:
        """Build the Dockerfile in `context` over the base in the folder `base`, into the folder `layout`."""
        where = f"image {image.name}: Dockerfile"
        name = f"base-{image.base.name}"
        if not (self.folder / name).exists():
            (self.folder / name).symlink_to(base)  # the path by which it is pulled becomes part of the image's history
            self._buildah(where, "pull", "--quiet", f"oci:{name}:base")
        tag = f"localhost/{name}:latest"
        arguments = [f"--build-arg={name}={value}" for name, value in (("BASE", tag), *image.arguments)]
        words = ["--quiet", "--isolation=chroot", "--pull-never", "--layers=false", "--identity-label=false"]
        words += [_PACKED, "--format=oci", f"--timestamp={epoch}", f"--file={context / 'Dockerfile'}", *arguments]
        self._buildah(where, "build", *words, f"--tag=oci:{layout}:{image.reference}", str(context))

    def _buildah(self, where: str, *words: str) -> str:
        return steps.run(
            where, [*self._argv(), *words], env={"TMPDIR": str(self.folder), **_NO_LOGINS}, cwd=self.folder
        )

    def _argv(self) -> list[str]:
        storage = [f"--root={self.folder / 'root'}", f"--runroot={self.folder / 'run'}"]
        return ["buildah", *storage, "--storage-driver=overlay"]


@contextmanager
def workshop(parent: Path) -> Iterator[Workshop]:
    """Give a storage below `parent`, and remove it however the block ends."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        yield Workshop(folder)
    finally:
        _remove(folder)


def sweep(parent: Path) -> None:
    """Remove the storages of runs that were killed; only while holding the turn of images."""
    for leftover in parent.glob(f"{_PREFIX}*"):
        _remove(leftover)


def _remove(folder: Path) -> None:
    """Unmount what is mounted below, deepest first, then remove the folder."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for place in sorted((one for one in mounts if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["/bin/umount", "--lazy", place], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)
