"""Which Docker daemon this shell uses, and whether it is there."""

import os
import socket

from nomad_jobs.errors import AuthError, BerthError

DEFAULT = "unix:///var/run/docker.sock"
SOCKET = "unix://"
"""How the address of a daemon on this machine begins."""


def chosen() -> str:
    """Give the daemon that this shell uses: DOCKER_HOST, or the one in the usual place."""
    return os.environ.get("DOCKER_HOST") or DEFAULT


def refuse_absent(where: str, url: str, *, otherwise: str) -> None:
    """Ask for the daemon at `url` before anything is begun; one that is not a Unix socket is asked by who uses it.

    Raises:
        AuthError: this user may not reach it.
        BerthError: none answers. Both say what to do, or `otherwise`.

    """
    if not url.startswith(SOCKET):
        return
    path = url.removeprefix(SOCKET)
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(path)
    except PermissionError as error:
        fix = f"add the user to the group `docker`, or {otherwise}"
        raise AuthError(where, f"this user may not reach the Docker daemon at {path}", fix) from error
    except OSError as error:
        fix = f"start Docker, or {otherwise}"
        raise BerthError(where, f"no Docker daemon answers at {path} ({error.strerror})", fix) from error
