"""Gathers what goes into an image, and its content key: the same inputs have the same key."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.errors import ConfigError
from nomad_jobs.own_images import OwnImage

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "images"
_FORM = 1
"""Grows when the same inputs begin to give other bytes, because this code changed."""
_LEFT_OUT = ("__pycache__",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """All that decides an image's bytes."""

    image: OwnImage
    base_key: str
    requirements: str
    """The wheels to install, each with its hashes, as `uv export` writes them; empty: none."""
    epoch: int
    """Seconds since 1970: the time that every file and the image itself carry."""
    builder: str
    """The builder's version."""

    @property
    def key(self) -> str:
        """Name these inputs: two images with one key are the same image."""
        image = self.image
        facts = {
            "form": _FORM,
            "builder": self.builder,
            "base": self.base_key,
            "epoch": self.epoch,
            "requirements": self.requirements,
            "arguments": image.arguments,
            "dockerfile": _sha256(FOLDER / image.dockerfile),
            "sources": {name: _sha256(path) for name, path in _files(image).items()},
        }
        return key_of(facts)

    def lay_out(self, folder: Path) -> None:
        """Write the context's `sources`, with the same modes whatever umask the checkout was made under."""
        (folder / "sources").mkdir(parents=True)
        for name, path in _files(self.image).items():
            target = folder / "sources" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        shutil.copyfile(FOLDER / self.image.dockerfile, folder / "Dockerfile")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def key_of(facts: Mapping[str, object]) -> str:
    """Hash facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _files(image: OwnImage) -> dict[str, Path]:
    """Give the image's own files by their path in the repository, sorted."""
    found = {str(path.relative_to(ROOT)): path for source in image.sources for path in _below(ROOT / source)}
    return dict(sorted(found.items()))


def _below(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    elif source.is_dir():
        yield from (path for path in source.rglob("*") if path.is_file() and not set(path.parts) & set(_LEFT_OUT))
    else:
        raise ConfigError(str(source.relative_to(ROOT)), "is not there", "fix its row in nomad_jobs/own_images.py")


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", "restore it") from error
