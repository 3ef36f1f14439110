"""Copies a built image to its registry, or to this machine's Docker, with `skopeo`: the tag appears last."""

import time
from pathlib import Path

from nomad_jobs.errors import BerthError
from nomad_jobs.images import ImageRef
from scripts.ops import docker_daemon
from scripts.ops.build import skopeo
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
    trust = [f"--dest-cert-dir={ca_file.parent}"] if ca_file else []
    with skopeo.access(ref, "dest", logins) as options:
        skopeo.copy(where, f"oci:{layout.folder}", f"docker://{reference}", "--preserve-digests", *options, *trust)
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
    skopeo.copy(where, f"oci:{layout.folder}", f"docker-daemon:{reference}", f"--dest-daemon-host={host}")
