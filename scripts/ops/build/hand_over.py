"""Copies a built image to its registry, or to this machine's Docker, with `skopeo`: the tag appears last."""

import os
import socket
import time

from nomad_jobs.errors import AuthError, BerthError
from nomad_jobs.images import ImageRef
from scripts.ops.build import skopeo
from scripts.ops.build.layout import Layout
from scripts.ops.docker_login import login_for
from scripts.ops.registry import Lookup

_DEADLINE_S = 60
_DAEMON = "unix:///var/run/docker.sock"


def push(layout: Layout, reference: str) -> None:
    """Push the image under the tag `reference`, and have the registry say that this is its digest.

    skopeo sends the layers first and the manifest last, so that a push that breaks off leaves the tag where it was.

    Raises:
        AuthError: the registry wants a login, or refuses the one it got.
        BerthError: the registry cannot be reached, or does not keep what it was sent.

    """
    ref = ImageRef.parse(reference)
    where = f"image {reference}: push"
    with skopeo.access(ref, "dest") as options:
        skopeo.copy(where, f"oci:{layout.folder}", f"docker://{reference}", "--preserve-digests", *options)
    with Lookup(reference, ends_at=time.monotonic() + _DEADLINE_S, logins=login_for) as lookup:
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
    host = os.environ.get("DOCKER_HOST") or _DAEMON
    _refuse_absent(where, host)
    skopeo.copy(where, f"oci:{layout.folder}", f"docker-daemon:{reference}", f"--dest-daemon-host={host}")


def _refuse_absent(where: str, host: str) -> None:
    """Ask for the daemon first: skopeo would begin to copy, and then say only that a pipe was closed."""
    path = host.removeprefix("unix://")
    if path == host:
        return
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(path)
    except PermissionError as error:
        fix = "add the user to the group `docker`, or leave out --load: building and pushing need no daemon"
        raise AuthError(where, f"this user may not reach the Docker daemon at {path}", fix) from error
    except OSError as error:
        fix = "start Docker, or leave out --load: building and pushing need no daemon"
        raise BerthError(where, f"no Docker daemon answers at {path} ({error.strerror})", fix) from error
