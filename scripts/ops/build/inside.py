"""Reads an image's layers once: how large it is, which packages are inside, and what looks like a secret."""

from dataclasses import dataclass, replace

from scripts.ops.build import packages, secrets
from scripts.ops.build.layout import LayerFile, Layout
from scripts.ops.build.packages import Package
from scripts.ops.build.secrets import Suspicion


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """What is in an image."""

    unpacked_bytes: int
    packages: tuple[Package, ...]
    suspicions: tuple[Suspicion, ...]
    """What looks like a secret, in any layer."""
    paths: frozenset[str]


def look_inside(layout: Layout) -> Inside:
    """Read every layer.

    Raises:
        BerthError: the layout was damaged.

    """
    top: dict[str, LayerFile] = {}
    suspicions: list[Suspicion] = []
    for file in layout.files():
        suspicions.extend(secrets.found(file))
        if file.deletes:
            _delete(top, file.deletes)
        else:
            top[file.path] = file if packages.is_told(file.path) else replace(file, data=b"")
    suspicions.extend(secrets.in_text("the image's configuration", layout.config))
    return Inside(
        unpacked_bytes=sum(file.size for file in top.values()),
        packages=tuple(packages.packages(top)),
        suspicions=tuple(suspicions),
        paths=frozenset(top),
    )


def _delete(top: dict[str, LayerFile], gone: str) -> None:
    for path in [path for path in top if path == gone or path.startswith(f"{gone}/")]:
        del top[path]
