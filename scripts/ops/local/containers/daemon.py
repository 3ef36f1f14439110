"""The door to Docker's daemon on this machine: foreign errors end here."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
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
            _refuse_other_kinds(client.info())
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


def _refuse_other_kinds(info: dict[str, Any]) -> None:
    """Refuse daemons whose network or users are not this machine's."""
    fix = f"run the usual daemon, and name it with DOCKER_HOST={DEFAULT}"
    options = " ".join(info.get("SecurityOptions") or ())
    if "rootless" in options:
        what = "the daemon is rootless: its network is not this machine's, so that nothing here reaches a container"
        raise ConfigError("Docker", what, fix)
    if "name=userns" in options:
        what = "the daemon maps users (userns-remap), so that a container's user could not read the files made for it"
        raise ConfigError("Docker", what, fix)


def refuse_proxy(info: dict[str, Any], registry: str) -> None:
    """Refuse a daemon that would ask a proxy for the registry on this machine.

    Raises:
        ConfigError: it names a proxy, and no exception for the registry.

    """
    proxy = info.get("HttpsProxy") or info.get("HTTPSProxy") or ""
    host = registry.partition(":")[0]
    exceptions = [one.strip() for one in str(info.get("NoProxy") or "").split(",") if one.strip()]
    if proxy and not any(_covers(one, host) for one in exceptions):
        what = f"the daemon asks the proxy {proxy} for everything, and this laptop's registry is {registry}"
        raise ConfigError("Docker", what, f"add {host} to NO_PROXY in Docker's proxy settings, and restart it")


def _covers(exception: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(exception, strict=False)
    except ValueError:
        return exception in {"*", host}
