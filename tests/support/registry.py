"""A real registry (Debian's `docker-registry`) on a loopback port of the system's choice, for one test module."""

import hashlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts.ops.docker_login import Login
from scripts.ops.registry import Lookup
from scripts.ops.waiting import wait_until

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
USER, PASSWORD = "reader", "a-pass:word"  # of a registry that lives for one test
_CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{}}'
_STOP_S = 10


@dataclass(frozen=True, slots=True)
class Registry:
    """One that runs; `address` is `127.0.0.1:port`."""

    address: str
    storage: Path

    def push(
        self,
        repository: str,
        tag: str,
        label: str,
        *,
        index: bool = False,
        architecture: str = "amd64",
        layers: Sequence[bytes] = (),
    ) -> str:
        """Push a tiny image (or an index with one) that differs by `label`; return the digest of the tag."""
        with httpx.Client(base_url=f"http://{self.address}/v2/{repository}", trust_env=False) as http:
            config = put_blob(http, _CONFIG.replace(b"amd64", architecture.encode()))
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                "layers": [{"mediaType": LAYER, **put_blob(http, layer)} for layer in layers],
                "annotations": {"label": label},
            }
            if not index:
                return put_manifest(http, tag, MANIFEST, manifest)
            child = put_manifest(http, "child", MANIFEST, manifest)
            size = len(_bytes(manifest))
            platform = {"os": "linux", "architecture": architecture}
            entry = {"mediaType": MANIFEST, "digest": child, "size": size, "platform": platform}
            return put_manifest(http, tag, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})

    def delete(self, repository: str, digest: str, *, kind: str = "manifests") -> None:
        """Remove a manifest, as a clean-up of old images does, or a blob."""
        url = f"http://{self.address}/v2/{repository}/{kind}/{digest}"
        httpx.delete(url, trust_env=False).raise_for_status()


def look_up(reference: str, *, known: str = "", login: Login | None = None, deadline_s: float = 30) -> str:
    """Look one tag up, as `berth images pin` does."""
    with Lookup(reference, ends_at=time.monotonic() + deadline_s, logins=lambda _: login) as lookup:
        return lookup.digest(known=known)


def is_served(reference: str, digest: str, *, login: Login | None = None) -> bool:
    """Ask about one digest, as `berth images served` does."""
    with Lookup(reference, ends_at=time.monotonic() + 30, logins=lambda _: login) as lookup:
        return lookup.serves(digest)


@contextmanager
def registry(folder: Path, *, storage: Path | None = None, **options: Any) -> Iterator[Registry]:
    """Run one until the end of the block; `options` are `auth` and `tls` of its configuration.

    A registry that asks for logins is filled by running an open one over the same `storage` first.
    """
    storage = storage or folder / "storage"
    program = shutil.which("docker-registry")
    assert program, "docker-registry is not installed: apt-get install docker-registry"
    config = folder / "registry.yml"
    log = folder / "registry.log"
    config.write_text(json.dumps(_configuration(storage, **options)))  # JSON is YAML
    with (
        log.open("wb") as stderr,
        subprocess.Popen([program, "serve", str(config)], stdout=stderr, stderr=stderr, env={}) as process,
    ):
        try:
            yield Registry(_listening(process, log), storage)
        finally:
            process.terminate()
            process.wait(_STOP_S)


def htpasswd(folder: Path) -> dict[str, Any]:
    """Auth section for USER and PASSWORD; `htpasswd` (apache2-utils) writes the bcrypt that the registry wants."""
    file = folder / "htpasswd"
    program = shutil.which("htpasswd")
    assert program, "htpasswd is not installed: apt-get install apache2-utils"
    made = subprocess.run(
        [program, "-niB", USER], input=PASSWORD.encode(), capture_output=True, check=True, timeout=_STOP_S
    )
    file.write_bytes(made.stdout)
    return {"htpasswd": {"realm": "a realm, quoted", "path": str(file)}}


def _configuration(
    storage: Path, auth: dict[str, Any] | None = None, tls: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0", "secret": "x", **({"tls": tls} if tls else {})},
        **({"auth": auth} if auth else {}),
    }


def _listening(process: subprocess.Popen[bytes], log: Path) -> str:
    found: list[str] = []

    def missing() -> str | None:
        text = log.read_text()
        assert process.poll() is None, text
        found.extend(re.findall(r"listening on (127\.0\.0\.1:\d+)", text))
        return None if found else "it has not named its port"

    wait_until(missing, where="docker-registry", what="start", deadline_s=30)
    return found[0]


def put_blob(http: httpx.Client, data: bytes) -> dict[str, Any]:
    """Put a blob into the repository that `http` names; give its digest and size."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    place = http.post("/blobs/uploads/").raise_for_status().headers["location"]
    http.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=data).raise_for_status()
    return {"digest": digest, "size": len(data)}


def put_manifest(http: httpx.Client, tag: str, kind: str, manifest: dict[str, Any]) -> str:
    """Put a manifest there under a tag; give its digest."""
    data = _bytes(manifest)
    http.put(f"/manifests/{tag}", content=data, headers={"content-type": kind}).raise_for_status()
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _bytes(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=1).encode()
