"""Finds a Go that can build, and runs it in an environment and a process group of its own."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.ops.toolchain import cache
from scripts.ops.toolchain.programs import Program
from scripts.ops.toolchain.ways import UnavailableError

MODULES = Path(__file__).parents[2] / "toolchain"
FLOOR = (1, 21)
"""The first Go that fetches the newer one that a module asks for."""
LIMIT_S = 1800
_ASK_S = 20
_TIDY_S = 4
_KEPT = re.compile(
    r"HOME|PATH|TMPDIR|XDG_(CACHE|CONFIG)_HOME|GO(ENV|PROXY|NOPROXY|PRIVATE|SUMDB|NOSUMDB|CACHE|MODCACHE|PATH|TOOLCHAIN)"
    r"|GOMAXPROCS|GOMEMLIMIT|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)"
)
_ANSWER = re.compile(r"go(\d+)\.(\d+)\S*\n(\S*)\n([01])\s*$")
_processes: set[subprocess.Popen[str]] = set()


def find(program: Program) -> str:
    """Find a Go that can build `program`.

    Raises:
        UnavailableError: there is none, it is too old, or it lacks a C compiler that this program needs.

    """
    go = shutil.which("go")
    if go is None:
        raise UnavailableError("Go is not installed")
    version, toolchain, has_c = _asked(go)
    _refuse_old(program, version, toolchain=toolchain)
    if program.needs_c and not has_c:
        raise UnavailableError("it needs a C compiler beside Go", "install gcc and the C library's headers (libc6-dev)")
    return go


@contextmanager
def running(program: Program, argv: list[str], **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run Go in the program's module; when the block fails, it is ended with its compilers. `more` is environment."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv,
        cwd=MODULES / program.module,
        env=_env() | more,
        stdout=pipe,
        stderr=pipe,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        timer = threading.Timer(LIMIT_S, _signal, (process, signal.SIGKILL))
        timer.start()
        _processes.add(process)
        try:
            yield process
        except BaseException:
            _signal(process, signal.SIGKILL)
            raise
        finally:
            _processes.discard(process)
            timer.cancel()


def end_all() -> None:
    """End every Go that runs, with its compilers: after Ctrl-C none may go on in the background."""
    ending = tuple(_processes)
    for process in ending:
        _signal(process, signal.SIGINT)  # at which Go removes its work folder
    for process in ending:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TIDY_S)
        _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _env() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    system, processor = cache.machine()  # or `go env -w GOARCH=…` would build for another machine
    return kept | {"GOFLAGS": "-buildvcs=false", "GOWORK": "off", "GOOS": system, "GOARCH": processor}


def _asked(go: str) -> tuple[tuple[int, int], str, bool]:
    """Ask Go for its version, its GOTOOLCHAIN, and whether it has a C compiler."""
    argv = [go, "env", "GOVERSION", "GOTOOLCHAIN", "CGO_ENABLED"]
    try:  # not in the current folder: a go.mod there could make Go report another version
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", env=_env(), cwd="/", check=False, timeout=_ASK_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{go} cannot be run ({error})") from None
    match = _ANSWER.match(done.stdout)
    if not match:
        raise UnavailableError(f"{go} does not say its version")
    return (int(match[1]), int(match[2])), match[3], match[4] == "1"


def _refuse_old(program: Program, version: tuple[int, int], *, toolchain: str) -> None:
    """Refuse a Go that can neither build the program nor fetch the Go that its module asks for."""
    shown = ".".join(map(str, version))
    if version < FLOOR:
        raise UnavailableError(f"Go {shown} is older than {FLOOR[0]}.{FLOOR[1]}")
    wanted = re.search(r"^go (\d+)\.(\d+)", (MODULES / program.module / "go.mod").read_text(), re.MULTILINE)
    if wanted and toolchain.startswith("local") and version < (int(wanted[1]), int(wanted[2])):
        what = f"Go {shown} is older than {wanted[1]}.{wanted[2]}, and GOTOOLCHAIN={toolchain} forbids to fetch that"
        raise UnavailableError(what, f"unset GOTOOLCHAIN, or install Go {wanted[1]}.{wanted[2]}")
