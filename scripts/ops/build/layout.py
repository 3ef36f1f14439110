"""Reads an image that lies in a folder as an OCI image layout: its digest, configuration, and each layer's files."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nomad_jobs.errors import BerthError

_DELETED = ".wh."


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerFile:
    """One file as one layer holds it, also where a later layer deletes or replaces it."""

    layer: str
    path: str
    size: int
    data: bytes
    target: str = ""
    """Where it leads if it is a link."""

    @property
    def deletes(self) -> str:
        """The path that it takes out of the layers below, if it is a mark for that."""
        folder, _, name = self.path.rpartition("/")
        return f"{folder}/{name.removeprefix(_DELETED)}".lstrip("/") if name.startswith(_DELETED) else ""


@dataclass(frozen=True, slots=True)
class Layout:
    """An image in `folder`, which `buildah push oci:…` wrote."""

    folder: Path

    @property
    def digest(self) -> str:
        """Its manifest's digest: what a registry will call it, and `images.lock` pins."""
        index = self._json(self.folder / "index.json")
        return str(index["manifests"][0]["digest"])

    @property
    def manifest(self) -> dict[str, Any]:
        """Its manifest (OCI image specification 1.0)."""
        return self._json(self._blob(self.digest))

    @property
    def config(self) -> dict[str, Any]:
        """User, environment, command and history."""
        return self._json(self._blob(self.manifest["config"]["digest"]))

    @property
    def layers(self) -> tuple[str, ...]:
        """The digests of its layers, lowest first."""
        return tuple(layer["digest"] for layer in self.manifest["layers"])

    @property
    def packed_bytes(self) -> int:
        """What a node fetches that has none of it."""
        return sum(layer["size"] for layer in self.manifest["layers"])

    def files(self) -> Iterator[LayerFile]:
        """Read every regular file and link of every layer.

        Raises:
            BerthError: the layout was damaged.

        """
        for digest in self.layers:
            try:
                with tarfile.open(self._blob(digest)) as tar:
                    yield from (_file(digest, tar, member) for member in tar if not member.isdir())
            except (OSError, tarfile.TarError) as error:
                raise self._damaged(str(error)) from error

    def _blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.replace(":", "/")

    def _json(self, path: Path) -> dict[str, Any]:
        try:
            read: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise self._damaged(str(error)) from error
        return read

    def _damaged(self, what: str) -> BerthError:
        return BerthError(str(self.folder), f"is damaged: {what}", "remove the folder and run `berth images build`")


def _file(layer: str, tar: tarfile.TarFile, member: tarfile.TarInfo) -> LayerFile:
    file = tar.extractfile(member) if member.isfile() else None
    return LayerFile(
        layer=layer,
        path=member.name.removeprefix("./").lstrip("/"),
        size=member.size if member.isfile() else 0,
        data=file.read() if file else b"",
        target=member.linkname,
    )
