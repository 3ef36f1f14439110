"""Berth's cache of built images: one appears as a whole, under the key of its inputs, or not at all."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.ops.build.layout import Layout
from scripts.ops.toolchain import cache

_RECORD = "built.json"
_LAYOUT = "layout"
_KEPT = 3
"""Of each image, so that going back to another branch builds nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What is known of a built image without reading its layers."""

    digest: str
    unpacked_mb: float
    """All its files."""
    packed_mb: float
    """What a node fetches that has none of it."""
    adds_mb: float
    """Of its files, those above its base."""


def root() -> Path:
    """Return the folder of all built images."""
    return cache.root() / "images"


def home(name: str, key: str) -> Path:
    """Return the folder of one build; it exists only when complete."""
    return root() / name / key


def layout_in(folder: Path) -> Layout:
    """Return the image that lies in a build's folder."""
    return Layout(folder / _LAYOUT)


def sbom_in(folder: Path) -> Path:
    """Return the list of all that is inside, in CycloneDX's JSON."""
    return folder / "sbom.cdx.json"


def find(name: str, key: str) -> Record | None:
    """Return what was built from these inputs, if anything was."""
    try:
        return Record(**json.loads((home(name, key) / _RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write it into a staged folder, last of all."""
    (folder / _RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")


@contextmanager
def staged(name: str, key: str) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `home(name, key)` in one step, or is removed if the block fails.

    Call it only while holding the turn of images.
    """
    final = home(name, key)
    final.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=cache.STAGED, dir=final.parent))
    try:
        yield folder
        folder.chmod(0o755)
        shutil.rmtree(final, ignore_errors=True)  # incomplete, or `find` would have found it
        folder.rename(final)
        _forget_old(final.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove what a run that was killed left; only while holding the turn of images."""
    for leftover in root().glob(f"*/{cache.STAGED}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _forget_old(parent: Path) -> None:
    builds = sorted(parent.glob("[!.]*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in builds[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
