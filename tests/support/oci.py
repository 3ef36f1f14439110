"""Writes small images by hand as OCI image layouts, so that a test says exactly what is in each layer."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.ops.build.layout import Layout

STATUS = "var/lib/dpkg/status"


def layout(folder: Path, *layers: Mapping[str, str], user: str = "10001:10001", **config: Any) -> Layout:
    """Write an image with these layers, each a path -> text; a text that begins with `-> ` is a link."""
    blobs = [_blob(folder, layer(files)) for files in layers]
    about = _blob(folder, json.dumps({"config": {"User": user, **config}}).encode())
    manifest = {"schemaVersion": 2, "config": about, "layers": blobs}
    entry = _blob(folder, json.dumps(manifest).encode())
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return Layout(folder)


def debian(*packages: tuple[str, str]) -> str:
    """Write dpkg's status for packages and their versions."""
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n" for name, version in packages
    )


def copyright_file(*licences: str) -> str:
    """Write a machine-readable copyright file."""
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    files = "".join(f"\nFiles: part{n}/*\nCopyright: somebody\nLicense: {name}\n" for n, name in enumerate(licences))
    return head + files


def wheel(name: str, version: str, *more: str) -> dict[str, str]:
    """Give the file that an installed wheel says its name in."""
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *more]
    return {f"usr/local/lib/python3.11/dist-packages/{name}-{version}.dist-info/METADATA": "\n".join(lines) + "\n"}


def layer(files: Mapping[str, str]) -> bytes:
    """Pack a path -> text as an image's layer."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            if text.startswith("-> "):
                member.type, member.linkname = tarfile.SYMTYPE, text.removeprefix("-> ")
                tar.addfile(member)
            else:
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def _blob(folder: Path, data: bytes) -> dict[str, Any]:
    name = hashlib.sha256(data).hexdigest()
    place = folder / "blobs" / "sha256" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return {"digest": f"sha256:{name}", "size": len(data)}
