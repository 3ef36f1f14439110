"""Copies images with `skopeo`, which checks each blob and manifest that it fetches against its digest."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nomad_jobs.images import ImageRef
from scripts.ops import docker_login
from scripts.ops.build import steps
from scripts.ops.docker_login import login_for
from scripts.ops.registry import Logins


def copy(where: str, source: str, target: str, *options: str) -> None:
    """Copy one image; manifest last, so that a copy that breaks off leaves no new tag.

    Raises:
        BerthError: it failed, and why.

    """
    platform = ["--override-os=linux", "--override-arch=amd64"]
    steps.run(where, ["skopeo", "--insecure-policy", *platform, "copy", "--quiet", *options, source, target])


@contextmanager
def access(ref: ImageRef, side: str, logins: Logins = login_for) -> Iterator[list[str]]:
    """Give the options with which the side `src` or `dest` may enter the registry of `ref`.

    The login lies where only this user can read it: an argument would be in the process list.
    """
    login = logins(ref.registry)
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        file = Path(folder) / "auth.json"
        file.touch(mode=0o600)
        file.write_text(docker_login.dump(ref.registry, login), encoding="utf-8")
        yield [f"--{side}-authfile={file}", f"--{side}-tls-verify={'false' if ref.is_local else 'true'}"]
