"""How a driver runs a service: its container where there is Docker, its process where there is none."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from nomad_jobs.errors import BerthError, single_errors
from nomad_jobs.images import ImageRef
from nomad_jobs.model.bounds import out_of_range

UNLIMITED = -1
"""As a ulimit's value: no limit."""

# What nodes let a container keep: the default of `allow_caps` in Nomad's docker driver.
_CAPABILITIES = (
    "audit_write",
    "chown",
    "dac_override",
    "fowner",
    "fsetid",
    "kill",
    "mknod",
    "net_bind_service",
    "setfcap",
    "setgid",
    "setpcap",
    "setuid",
    "sys_chroot",
)
# Docker's names, of github.com/docker/go-units.
_ULIMITS = (
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)
_IPC_MODES = ("", "none", "private", "shareable", "host")
_UID_MAX = 2**31 - 2


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Whom a container runs as, in numbers: no node needs to know the name."""

    uid: int
    gid: int

    def faults(self) -> Iterator[str]:
        """Yield the faults of its numbers, one line each."""
        yield from out_of_range("user.uid", self.uid, 0, _UID_MAX)
        yield from out_of_range("user.gid", self.gid, 0, _UID_MAX)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ulimit:
    """One of the kernel's limits on a process (`man setrlimit`), in the kernel's unit."""

    name: str
    """As Docker calls it: `memlock`, `nofile`, …"""
    soft: int
    hard: int

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        if self.name not in _ULIMITS:
            yield f"ulimit {self.name!r} is none that Docker knows; there is {', '.join(_ULIMITS)}"
        yield from out_of_range(f"ulimit {self.name} soft", self.soft, UNLIMITED, 2**63 - 1)
        yield from out_of_range(f"ulimit {self.name} hard", self.hard, UNLIMITED, 2**63 - 1)
        if self.hard != UNLIMITED and not UNLIMITED < self.soft <= self.hard:
            yield f"ulimit {self.name} has a soft limit of {self.soft}, which is above its hard one, {self.hard}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """How Docker runs a service. Unless it says so, it has no capability and cannot write to its image's files.

    No program in it gains a privilege that its task does not have, by setuid or otherwise.

    `--host ${BERTH_BIND} --port ${NOMAD_PORT_http}` is right in a container and in a process alike.
    """

    image: str
    """By tag; `images.lock` pins the digest. The node has the login of a private registry; the task never sees it."""
    argv: tuple[str, ...] = ()
    """Given to the entrypoint. Nomad fills in `${NOMAD_…}` and `${BERTH_…}`; every other `${` arrives as it stands."""
    entrypoint: tuple[str, ...] = ()
    """Instead of the image's own; empty: the image's own."""
    user: User | None = None
    """Who then owns the files that Nomad writes for it, too. None: the image's own user, who must be root to read
    them."""
    is_root_writable: bool = False
    """Whether it may write anywhere in its image's files, and not only to `local/`, `secrets/`, `alloc/` and `/tmp`.

    `/tmp` then holds 64 MB, which count as the task's memory. What wants more, or a home, gets the variables
    `TMPDIR=${NOMAD_ALLOC_DIR}/tmp` and `HOME=${NOMAD_TASK_DIR}`, on the node's disk.
    """
    capabilities: tuple[str, ...] = ()
    """Those of the kernel's capabilities that it keeps, such as `chown`; all others are dropped. Only root has any."""
    ulimits: tuple[Ulimit, ...] = ()
    shm_mb: int = 0
    """Shared memory, through which tensor-parallel workers talk; 0: Docker's own default."""
    ipc_mode: str = ""
    """`private` or `shareable` shared memory, `none` at all, or with `host` the node's own, where each of its tasks
    may read what another one has there. Empty: Docker's own default."""

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        yield from _image_faults(self.image)
        yield from out_of_range("shm_mb", self.shm_mb, 0, 10_000_000)
        for part in (*((self.user,) if self.user else ()), *self.ulimits):
            yield from part.faults()
        for name in self.capabilities:
            if name not in _CAPABILITIES:
                yield f"capability {name!r} is none that nodes allow; there is {', '.join(_CAPABILITIES)}"
        if self.capabilities and self.user and self.user.uid:
            yield f"keeps capabilities, which root alone would have, but runs as user {self.user.uid}: leave one out"
        for what, names in (("capabilities", self.capabilities), ("ulimits", [one.name for one in self.ulimits])):
            if len(set(names)) < len(names):
                yield f"{what} {', '.join(names)} must differ"
        if self.ipc_mode not in _IPC_MODES:
            yield f"ipc_mode {self.ipc_mode!r} must be {', '.join(_IPC_MODES[1:])} or empty"
        if self.ipc_mode in {"none", "host"} and self.shm_mb:
            yield f"has shm_mb, but with ipc_mode {self.ipc_mode} it has no shared memory of its own"


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """How the same service runs without Docker: as the user who started Nomad, on a laptop."""

    argv: tuple[str, ...]
    """The program first. Nomad fills in what it does in a container's."""
    stop_signal: str = "SIGTERM"
    """The signal at which it finishes its requests and ends; a container's image says its own."""

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        if not self.argv:
            yield "process has an empty argv, which must begin with its program"


def command(*lines: str) -> tuple[str, ...]:
    """Split the lines of a command into words as a shell would: the program, then a line for each option."""
    return tuple(word for line in lines for word in shlex.split(line))


def _image_faults(image: str) -> Iterator[str]:
    try:
        ImageRef.parse(image)
    except BerthError as error:
        yield from map(str, single_errors(error))
