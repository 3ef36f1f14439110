"""Builds a program with Go from the module that pins it; Go checks every source against its checksum."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.ops.toolchain import cache
from scripts.ops.toolchain.programs import Program
from scripts.ops.toolchain.ways import UnavailableError

if TYPE_CHECKING:
    from scripts.ops.progress import Step

MODULES = Path(__file__).parents[2] / "toolchain"
GO_FLOOR = (1, 21)  # the first Go that fetches the newer one that a module asks for
_LIMIT_S = 1800
_KEPT = re.compile(
    r"HOME|PATH|TMPDIR|XDG_(CACHE|CONFIG)_HOME|GO(ENV|PROXY|NOPROXY|PRIVATE|SUMDB|NOSUMDB|CACHE|MODCACHE|PATH|TOOLCHAIN)"
    r"|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)"
)
_NEVER_HOT = (
    "github.com/Azure/...",
    "github.com/aws/aws-sdk-go/service/...",
    "github.com/aws/aws-sdk-go-v2/service/...",
    "github.com/okta/...",
    "github.com/softlayer/...",
    "github.com/vmware/...",
    "google.golang.org/api/...",
)
"""Generated clients of clouds: a tenth of all packages, a third of the time to compile, and they wait for a network."""
_TO_COMPILE = "{{if .Stale}}{{.ImportPath}}{{end}}"
_processes: set[subprocess.Popen[str]] = set()


def fetch(program: Program, folder: Path, step: "Step") -> tuple[str, ...]:
    """Fetch the sources of `program`; put the scripts that belong beside it into `folder`.

    Returns the packages that must be compiled: those that Go's cache lacks.

    Raises:
        UnavailableError: Go is missing or too old, or a source cannot be fetched.
        BerthError: the disk is full.

    """
    go = find_go()
    step.says("sources for a Go build")
    argv = [go, "list", "-deps", *_build_options(program), "-f", _TO_COMPILE, program.package]
    packages = tuple(line for line in _output(program, argv) if line)
    for script in program.scripts:
        module = _output(program, [go, "list", "-m", "-f", "{{.Dir}}", program.scripts_module])[0]
        shutil.copyfile(Path(module) / script, folder / script.rsplit("/", 1)[-1])
    step.says(f"sources for a Go build: {len(packages)} packages to compile")
    return packages


def build(program: Program, folder: Path, starts: Callable[[str], None]) -> None:
    """Build `program` into `folder`; `starts` hears of each package when Go begins to compile it.

    Raises:
        UnavailableError: Go is missing, or the build failed.
        BerthError: the disk is full.

    """
    argv = [find_go(), "build", "-v", *_build_options(program), "-o", str(folder / program.command), program.package]
    lines: list[str] = []
    with _running(program, argv) as process:
        for line in process.stderr or ():
            lines.append(line.rstrip())
            if " " not in lines[-1]:  # the others are what went wrong
                starts(lines[-1])
    if process.returncode:
        raise _failure(program, process.returncode, lines)


def find_go() -> str:
    """Find a Go that can build.

    Raises:
        UnavailableError: there is none, or it is too old.

    """
    go = shutil.which("go")
    if go is None:
        raise UnavailableError("Go is not installed")
    # not in the current folder: a go.mod there could make Go report another version
    said = subprocess.run([go, "version"], capture_output=True, text=True, env=_env(), cwd="/", check=False).stdout
    match = re.search(r"go(\d+)\.(\d+)", said)
    if not match:
        raise UnavailableError(f"{go} does not say its version")
    if (int(match[1]), int(match[2])) < GO_FLOOR:
        raise UnavailableError(f"Go {match[1]}.{match[2]} is older than {GO_FLOOR[0]}.{GO_FLOOR[1]}")
    return go


def end_all() -> None:
    """End every Go that runs: after Ctrl-C none may go on in the background."""
    for process in tuple(_processes):
        process.kill()


def _build_options(program: Program) -> list[str]:
    """Options that decide what is compiled: `go list` and `go build` must hear the same."""
    tags = ["-tags", ",".join(program.tags)] if program.tags else []
    variable = program.version_variable
    told = f" -X {variable}=v{program.version}" if variable else ""
    # The linker drops what a debugger would need (-s -w), so the compiler need not make it: a tenth of its time.
    # Without inlining the clients of clouds take half of it, and half of the memory.
    compiler = ["-gcflags=all=-dwarf=false", *(f"-gcflags={pattern}=-dwarf=false -l" for pattern in _NEVER_HOT)]
    return ["-trimpath", *tags, *compiler, "-ldflags", f"-s -w{told}"]


def _env() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return kept | {"GOFLAGS": "-buildvcs=false", "GOWORK": "off"}


def _output(program: Program, argv: list[str]) -> list[str]:
    with _running(program, argv) as process:
        out, err = process.communicate()
    if process.returncode:
        raise _failure(program, process.returncode, err.splitlines())
    return out.splitlines()


@contextmanager
def _running(program: Program, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=MODULES / program.module, env=_env(), stdout=pipe, stderr=pipe, text=True
    ) as process:
        timer = threading.Timer(_LIMIT_S, process.kill)
        timer.start()
        _processes.add(process)
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            _processes.discard(process)
            timer.cancel()


def _failure(program: Program, code: int, lines: list[str]) -> Exception:
    text = "\n".join(lines)
    if "no space left on device" in text or "disk quota exceeded" in text:
        return cache.disk_full(program.label)
    if code < 0:
        return UnavailableError(f"Go was ended by signal {-code} (its limit is {_LIMIT_S // 60} minutes)")
    said = [line.strip() for line in lines if " " in line.strip()]  # the others are names of packages
    return UnavailableError(said[-1] if said else f"Go ended with {code}")
