"""Berth's cache of programs: a version appears as a whole or not at all."""

import errno
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nomad_jobs.errors import BerthError
from scripts.ops.toolchain.programs import Program

STAGED = ".staged-"
"""Begins the names of folders that are being filled; a killed run leaves them, and the next one removes them."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}


def root() -> Path:
    """Return the cache folder: `$XDG_CACHE_HOME/berth`, by default `~/.cache/berth`."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))  # the specification: a relative path is to be ignored
    return (given if given.is_absolute() else Path.home() / ".cache") / "berth"


def bin_dir() -> Path:
    """Return the folder with a link to every installed program: it goes in front of PATH."""
    return root() / "bin"


def machine() -> tuple[str, str]:
    """Return operating system and processor as HashiCorp and Go name them: `("linux", "amd64")`."""
    cpu = platform.machine().lower()
    return sys.platform, _ARCH.get(cpu, cpu)


def home(program: Program) -> Path:
    """Return the folder of this version of the program for this machine; it exists only when complete."""
    return root() / "programs" / program.name / f"{program.version}_{'_'.join(machine())}"


def holds(program: Program) -> bool:
    """Whether the program and every file that belongs beside it are there and can be run."""
    return all(os.access(home(program) / file, os.X_OK) for file in (program.command, *program.companions))


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Translate the errors of a full disk or a read-only folder; what is already in the cache stays."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(what, str(error.filename or "")) from error
        fix = "make it writable for you, or set XDG_CACHE_HOME to a folder that is"
        raise BerthError(what, f"cannot write {error.filename or root()} ({error.strerror})", fix) from error


def disk_full(what: str, where: str = "") -> BerthError:
    """Make the error for a full disk; `where` is the path that could not be written."""
    fix = "free some space and run it again; what is complete stays, downloads go on where they stopped"
    return BerthError(what, f"the disk is full under {where or root()}", fix)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_noexec(folder: Path) -> bool:
    """Whether no program in this folder can be run."""
    return bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)


def refuse_noexec() -> None:
    """Raise a BerthError if programs in the cache could not be run."""
    place = next(folder for folder in (root(), *root().parents) if folder.exists())
    if is_noexec(place):
        raise BerthError(str(root()), "is mounted noexec, so no program there can run", "set XDG_CACHE_HOME elsewhere")


@contextmanager
def staged(program: Program) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `home(program)` in one step, or is removed if the block fails.

    Call it only while holding the program's `turn`.
    """
    parent = home(program).parent
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f"{STAGED}*"):  # of a run that was killed: we hold the turn, so nobody uses it
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=STAGED, dir=parent))
    try:
        yield folder
        _publish(folder, home(program))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, final: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o755)
        with file.open("rb") as opened:
            os.fsync(opened.fileno())  # or a power cut could leave a folder that looks complete, with empty files
    folder.chmod(0o755)
    if final.exists():  # incomplete, or `holds` would have found it
        shutil.rmtree(final)
    folder.rename(final)


def link(target: Path) -> None:
    """Make `bin_dir()/<name>` point at `target`, in one step, unless it already does."""
    shown = bin_dir() / target.name
    if shown.is_symlink() and shown.readlink() == target:
        return
    with writing(target.name):
        bin_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=bin_dir(), prefix=".link-") as aside:
            fresh = Path(aside) / target.name
            fresh.symlink_to(target)
            fresh.replace(shown)
