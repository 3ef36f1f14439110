"""Network namespaces without names: each is gone once this process and all that run in it have ended, however."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, from Linux's sched.h; Python 3.11 has no setns() of its own


class Namespace:
    """A network with only loopback, which this machine's firewall rules do not reach."""

    def __init__(self) -> None:
        """Make the namespace.

        Raises:
            PermissionError: this process is not allowed to.

        """
        self._home = _open_own()
        try:
            _call("unshare", _NEW_NETWORK)
            self._file = _open_own()
        finally:
            _enter(self._home)
        with self.inside():
            ip("link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """Where `ip` finds it."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def inside(self) -> AbstractContextManager[None]:
        """Move this thread into it: sockets that the thread opens and programs that it starts are in it too."""
        return _moved(self._file)

    def outside(self) -> AbstractContextManager[None]:
        """Move this thread to where it was when the namespace was made."""
        return _moved(self._home)

    def close(self) -> None:
        """Close our handles; programs that run in it keep it alive."""
        os.close(self._file)
        os.close(self._home)


@contextmanager
def _moved(file: int) -> Iterator[None]:
    before = _open_own()
    try:
        _enter(file)
        yield
    finally:
        _enter(before)
        os.close(before)


def ip(*argv: str) -> None:
    """Run `ip`; the error has what it printed."""
    done = subprocess.run(("/usr/sbin/ip", *argv), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"`ip {' '.join(argv)}` failed: {done.stderr.strip()}")


def _open_own() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _enter(file: int) -> None:
    _call("setns", file, _NEW_NETWORK)


def _call(name: str, *given: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*given):
        why = os.strerror(ctypes.get_errno())
        fix = "run the tests as root; in a container, one that was started with --privileged"
        raise PermissionError(f"{name}() of a network namespace failed ({why}): {fix}")
