"""Network namespaces without names: each is gone once this process and all that run in it have ended, however."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, from Linux's sched.h; Python 3.11 has no setns() of its own


class Namespace:
    """A network of nothing but loopback, on which no rule of this machine's firewall holds."""

    def __init__(self) -> None:
        """Make it.

        Raises:
            PermissionError: this process may not.

        """
        home = _open_own()
        try:
            _call("unshare", _NEW_NETWORK)
            self._file = _open_own()
        finally:
            _enter(home)
            os.close(home)
        with self.inside():
            ip("link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """Where `ip` finds it."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Put this thread into it, and with it every socket that it opens and every program that it starts."""
        home = _open_own()
        try:
            _enter(self._file)
            yield
        finally:
            _enter(home)
            os.close(home)

    def close(self) -> None:
        """Let go of it: what still runs in it may stay."""
        os.close(self._file)


def ip(*argv: str) -> None:
    """Run `ip`; its complaint is the error's text."""
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
        mend = "run the tests as root; in a container, one that was started with --privileged"
        raise PermissionError(f"{name}() of a network namespace failed ({why}): {mend}")
