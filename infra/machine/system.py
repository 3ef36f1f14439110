"""Acts on the machine itself: files, users, units, programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from infra.machine.fault import Fault

_PAUSE_S = 2.0


def run(*argv: str, stdin: str | None = None, timeout_s: float = 120) -> str:
    """Run a program and give its output.

    Raises:
        Fault: it failed; the last line that it said is in the message.

    """
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Fault(f"{argv[0]}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise Fault(f"{' '.join(argv[:3])} failed with {done.returncode}: {said[-1]}")
    return done.stdout


def write(path: Path, text: str | bytes, mode: int = 0o644, owner: str = "root", group: str = "") -> bool:
    """Write a file as a whole or not at all, and never readable by others meanwhile; return whether it changed."""
    data = text.encode() if isinstance(text, str) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() == data:
        return False
    handle, fresh = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    shutil.chown(fresh, owner, group or owner)
    Path(fresh).chmod(mode)
    Path(fresh).replace(path)
    return True


def folder(path: Path, mode: int = 0o700, owner: str = "root", group: str = "") -> Path:
    """Make a folder that belongs to `owner`, and to `group` or the owner's own."""
    path.mkdir(parents=True, exist_ok=True)
    shutil.chown(path, owner, group or owner)
    path.chmod(mode)
    return path


def user(name: str, *groups: str) -> None:
    """Make a system user that cannot log in, with a group of its own name, and in `groups`."""
    if not any(line.startswith(f"{name}:") for line in Path("/etc/passwd").read_text().splitlines()):
        also = ("--groups", ",".join(groups)) if groups else ()
        run("useradd", "--system", "--user-group", *also, "--no-create-home", "--shell", "/sbin/nologin", name)


def systemctl(*argv: str) -> str:
    """Call systemd, which may take as long as a unit takes to stop."""
    return run("systemctl", *argv, timeout_s=1800)


def until(missing: Callable[[], str], what: str, deadline_s: float) -> None:
    """Wait until nothing is missing.

    Raises:
        Fault: the deadline passed; the message says what was missing last.

    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            left = missing()
        except Fault as error:
            left = str(error)
        if not left:
            return
        if time.monotonic() > end:
            raise Fault(f"{what}: not within {deadline_s:.0f} s: {left}")
        time.sleep(_PAUSE_S)
