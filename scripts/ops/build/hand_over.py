"""Copies a built image to its registry, or to this machine's Docker, with `skopeo`: the tag appears last."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nomad_jobs.errors import BerthError
from nomad_jobs.images import ImageRef
from scripts.ops import docker_daemon, docker_login
from scripts.ops.build import steps
from scripts.ops.build.layout import Layout
from scripts.ops.docker_login import login_for
from scripts.ops.registry import Logins, Lookup

_DEADLINE_S = 60


def push(layout: Layout, reference: str, *, logins: Logins = login_for, ca_file: Path | None = None) -> None:
    """Push the image under the tag `reference`, and have the registry say that this is its digest.

    skopeo sends the layers first and the manifest last, so that a push that breaks off leaves the tag where it was.
    `ca_file` is the authority of a registry whose certificate no public one has signed; it ends in `.crt`.

    Raises:
        AuthError: the registry wants a login, or refuses the one it got.
        BerthError: the registry cannot be reached, or does not keep what it was sent.

    """
    ref = ImageRef.parse(reference)
    where = f"image {reference}: push"
    with _authentication(ref.registry, logins) as file:
        tls = f"--dest-tls-verify={'false' if ref.is_local else 'true'}"
        trust = [f"--dest-cert-dir={ca_file.parent}"] if ca_file else []
        words = ["copy", "--quiet", "--preserve-digests", f"--dest-authfile={file}", tls, *trust]
        steps.run(where, [*_skopeo(words), f"oci:{layout.folder}", f"docker://{reference}"])
    with Lookup(reference, ends_at=time.monotonic() + _DEADLINE_S, logins=logins, ca_file=ca_file) as lookup:
        served = lookup.digest(known=layout.digest)
    if served != layout.digest:
        fix = "somebody else pushed the same tag, or a proxy changes what it passes on: push again"
        raise BerthError(where, f"the registry serves {served}, and {layout.digest} was pushed", fix)


def load(layout: Layout, reference: str) -> None:
    """Hand the image to this machine's Docker, under its tag.

    Raises:
        AuthError: this user may not reach the daemon.
        BerthError: there is no daemon, or its disk is full.

    """
    where = f"image {reference}: load"
    host = docker_daemon.chosen()
    docker_daemon.refuse_absent(where, host, otherwise="leave out --load: building and pushing need no daemon")
    words = ["copy", "--quiet", f"--dest-daemon-host={host}"]
    steps.run(where, [*_skopeo(words), f"oci:{layout.folder}", f"docker-daemon:{reference}"])


def _skopeo(words: list[str]) -> list[str]:
    return ["skopeo", "--insecure-policy", *words]


@contextmanager
def _authentication(registry: str, logins: Logins) -> Iterator[Path]:
    """Write the login for `registry` where only this user can read it: an argument would be in the process list."""
    login = logins(registry)
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        file = Path(folder) / "auth.json"
        file.touch(mode=0o600)
        file.write_text(docker_login.dump(registry, login), encoding="utf-8")
        yield file
