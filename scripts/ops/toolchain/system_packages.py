"""Installs NGINX and the test programs from the system's packages, or says which command does."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.progress import Progress

SYSTEMD_RUNS = Path("/run/systemd/system")
_LIMIT_S = 900
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # not on an ordinary user's PATH


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemProgram:
    """A program and its package by package manager.

    `command` is its file, `folders` are patterns of folders to look in besides PATH. `service` is what the package
    starts by itself. Berth stops it after an install: it would listen on every address of a laptop, and Berth runs
    its own on its own ports.
    """

    command: str
    packages: dict[str, str]
    service: str
    folders: tuple[str, ...] = ()


SYSTEM_PROGRAMS = {
    "nginx": SystemProgram(
        command="nginx",
        packages={"apt-get": "nginx", "dnf": "nginx", "brew": "nginx"},
        service="nginx",
    ),
    "postgresql": SystemProgram(
        command="postgres",
        packages={"apt-get": "postgresql", "dnf": "postgresql-server", "brew": "postgresql"},
        service="postgresql",
        folders=("usr/lib/postgresql/*/bin",),
    ),
    "wrk": SystemProgram(command="wrk", packages={"apt-get": "wrk", "brew": "wrk"}, service=""),
    "prometheus": SystemProgram(
        command="prometheus",
        packages={"apt-get": "prometheus", "brew": "prometheus"},
        service="prometheus",
    ),
    "chromium": SystemProgram(command="chromium", packages={"apt-get": "chromium", "dnf": "chromium"}, service=""),
    "docker-registry": SystemProgram(
        command="docker-registry", packages={"apt-get": "docker-registry"}, service="docker-registry"
    ),
    "htpasswd": SystemProgram(command="htpasswd", packages={"apt-get": "apache2-utils"}, service=""),
    "iptables": SystemProgram(command="iptables", packages={"apt-get": "iptables", "dnf": "iptables"}, service=""),
    "ip": SystemProgram(command="ip", packages={"apt-get": "iproute2", "dnf": "iproute"}, service=""),
    "nft": SystemProgram(command="nft", packages={"apt-get": "nftables", "dnf": "nftables"}, service="nftables"),
    "mmdebstrap": SystemProgram(command="mmdebstrap", packages={"apt-get": "mmdebstrap"}, service=""),
    "buildah": SystemProgram(command="buildah", packages={"apt-get": "buildah", "dnf": "buildah"}, service=""),
    "skopeo": SystemProgram(command="skopeo", packages={"apt-get": "skopeo", "dnf": "skopeo"}, service=""),
    "dockerd": SystemProgram(command="dockerd", packages={"apt-get": "docker.io"}, service="docker"),
    "cloud-init": SystemProgram(command="cloud-init", packages={"apt-get": "cloud-init"}, service="cloud-init"),
}
FOR_IMAGES = ("mmdebstrap", "buildah", "skopeo")
"""What `berth images build` runs."""
FOR_PROCESSES = ("nginx",)
"""What `berth up` runs of the system's programs, where services are processes."""
FOR_CONTAINERS = ("docker-registry", "iptables", "ip", *FOR_IMAGES)
"""What `berth up --containers` runs beside Docker, which it does not install by itself."""
FOR_TESTS = (
    "postgresql",
    "wrk",
    "prometheus",
    "chromium",
    "htpasswd",
    "nft",
    "cloud-init",
    *FOR_CONTAINERS,
    "dockerd",
)
"""What `make test` needs beyond the platform's own programs."""
_INSTALL = {
    "apt-get": ("apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"),
    "dnf": ("dnf", "install", "-y"),
    "brew": ("brew", "install"),
}


def find(name: str) -> Path | None:
    """Return the file of the system program `name`, or None.

    Raises:
        ConfigError: Berth knows no such system program.

    """
    if name not in SYSTEM_PROGRAMS:
        raise ConfigError(name, "Berth knows no such system program", "`berth tools list` shows them")
    program = SYSTEM_PROGRAMS[name]
    more = [str(folder) for pattern in program.folders for folder in sorted(Path("/").glob(pattern), reverse=True)]
    path = os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM_FOLDERS, *more))
    found = shutil.which(program.command, path=path)
    return Path(found) if found else None


def ensure(names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """Install the packages of those of `names` that are missing; return where each program is.

    Raises:
        ConfigError: Berth may not install packages here; the message has the exact command.
        BerthError: the package manager failed.

    """
    places = {name: find(name) for name in names}
    if missing := [name for name, place in places.items() if place is None]:
        with progress.step(", ".join(missing), "installing the system's packages"):
            _install(missing)
        places |= {name: find(name) for name in missing}
    if absent := [name for name, place in places.items() if place is None]:
        raise BerthError(", ".join(absent), "installed, but its program was not found", "install it by hand")
    return {name: place for name, place in places.items() if place}


def _install(names: list[str]) -> None:
    manager, packages = _plan(names)
    argv = [*_INSTALL[manager], *packages]
    prefix = _rights(manager)
    if prefix is None:
        raise ConfigError(
            ", ".join(names),
            "not installed, and Berth may not install it",
            f"run `{_shown(manager, packages)}`",
        )
    if (failure := _run(prefix, argv)) and manager == "apt-get":
        _run(prefix, ["apt-get", "update"])  # a fresh machine has no package lists
        failure = _run(prefix, argv)
    if failure:
        raise BerthError(
            ", ".join(names), f"{manager} failed: {failure}", f"run `{_shown(manager, packages)}` and look"
        )
    for name in names:
        _stop_service(prefix, SYSTEM_PROGRAMS[name].service)


def _plan(names: list[str]) -> tuple[str, list[str]]:
    for manager in _INSTALL:
        packages = [SYSTEM_PROGRAMS[name].packages.get(manager, "") for name in names]
        if shutil.which(manager) and all(packages):
            return manager, packages
    known = ", ".join(_INSTALL)
    raise ConfigError(", ".join(names), f"not installed, and not to be had from {known} here", "install it by hand")


def _shown(manager: str, packages: list[str]) -> str:
    sudo = [] if manager == "brew" else ["sudo"]
    return " ".join([*sudo, manager, "install", *packages])


def _rights(manager: str) -> list[str] | None:
    """Return the words before an install command (none as root, or sudo), or None if it is not allowed."""
    if manager == "brew" or os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    return sudo if shutil.which("sudo") and not _run(sudo, ["true"]) else None


def _run(prefix: list[str], argv: list[str]) -> str:
    """Run a command; return the last line of its error, or `""` if it worked."""
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        done = subprocess.run(
            [*prefix, *quiet, *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_LIMIT_S // 60} minutes"
    said = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit code {done.returncode}")


def _stop_service(prefix: list[str], service: str) -> None:
    if service and SYSTEMD_RUNS.is_dir():
        _run(prefix, ["systemctl", "disable", "--now", service])
