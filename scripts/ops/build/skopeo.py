"""Copies images with `skopeo`, which checks each blob and manifest that it fetches against its digest."""

import base64
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nomad_jobs.images import DOCKER_HUB, ImageRef
from scripts.ops.build import steps
from scripts.ops.docker_login import Login, login_for

_HUB_KEY = "https://index.docker.io/v1/"


def copy(where: str, source: str, target: str, *options: str) -> None:
    """Copy one image; manifest last, so that a copy that breaks off leaves no new tag.

    Raises:
        BerthError: it failed, and why.

    """
    platform = ["--override-os=linux", "--override-arch=amd64"]
    steps.run(where, ["skopeo", "--insecure-policy", *platform, "copy", "--quiet", *options, source, target])


@contextmanager
def access(ref: ImageRef, side: str) -> Iterator[list[str]]:
    """Give the options with which the side `src` or `dest` may enter the registry of `ref`.

    The login lies where only this user can read it: an argument would be in the process list.
    """
    login = login_for(ref.registry)
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        file = Path(folder) / "auth.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"auths": _entry(ref.registry, login)}), encoding="utf-8")
        yield [f"--{side}-authfile={file}", f"--{side}-tls-verify={'false' if ref.is_local else 'true'}"]


def _entry(registry: str, login: Login | None) -> dict[str, dict[str, str]]:
    if login is None:
        return {}
    encoded = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    return {_HUB_KEY if registry == DOCKER_HUB else registry: {"auth": encoded}}
