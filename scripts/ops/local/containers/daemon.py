"""The door to Docker's daemon on this machine: foreign errors end here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.docker_daemon import DEFAULT, SOCKET, refuse_absent

_TIMEOUT_S = 30


@contextmanager
def connected(url: str) -> Iterator[docker.DockerClient]:
    """Give a client of the daemon at `url`, which must be on this machine and run as root.

    Raises:
        ConfigError: it is another machine's, or a rootless one.
        AuthError: this user may not reach it.
        BerthError: none answers, or it refuses what it was asked.

    """
    if not url.startswith(SOCKET):
        fix = f"unset DOCKER_HOST, or let it name a socket, such as {DEFAULT}"
        raise ConfigError("Docker", f"{url} may be another machine's, and containers are to run on this one", fix)
    refuse_absent("Docker", url, otherwise="give --no-containers: services then run as processes")
    try:
        client = docker.DockerClient(base_url=url, timeout=_TIMEOUT_S)
        try:
            _refuse_rootless(client)
            yield client
        finally:
            client.close()
    except APIError as error:
        raise BerthError("Docker", f"refused: {said(error)}", "see its log: `journalctl -u docker`") from error
    except (DockerException, requests.RequestException) as error:
        raise BerthError("Docker", f"the daemon at {url} does not answer: {error}", "restart Docker") from error


def said(error: APIError) -> str:
    """Give the daemon's own words on one line."""
    return " ".join(str(error.explanation or error).split())


def _refuse_rootless(client: docker.DockerClient) -> None:
    info: dict[str, Any] = client.info()
    if any("rootless" in option for option in info.get("SecurityOptions") or ()):
        what = "the daemon is rootless: its network is not this machine's, so that nothing here reaches a container"
        raise ConfigError("Docker", what, f"run the usual daemon, and name it with DOCKER_HOST={DEFAULT}")
