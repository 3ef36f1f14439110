"""Builds a program with Go from the module that pins it; Go checks every source against its checksum."""

import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from nomad_jobs.errors import BerthError
from scripts.ops.progress import Step
from scripts.ops.toolchain import cache, gotool
from scripts.ops.toolchain.programs import Program
from scripts.ops.toolchain.ways import UnavailableError

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
_PACKAGE = "{{.Stale}} {{.ImportPath}}"
_FULL = re.compile(r"(\S*): (?:no space left on device|disk quota exceeded)")
_MEMORY = re.compile(r"signal: killed|out of memory|cannot allocate memory")
_ALTERED = re.compile(r"verifying|downloaded:|go\.sum:|sum\.golang\.org:")


def fetch(program: Program, folder: Path, step: Step) -> tuple[str, ...]:
    """Fetch the sources of `program`; put the scripts that belong beside it into `folder`.

    Returns the packages that must be compiled: those that Go's cache lacks.

    Raises:
        UnavailableError: no Go can build it, or a source cannot be fetched.
        BerthError: the disk is full, or a source is not the one that was pinned.

    """
    go = gotool.find(program)
    step.says("sources for a Go build")
    argv = [go, "list", "-deps", *_options(program), "-f", _PACKAGE, program.package]
    rows = [line.split() for line in _output(program, argv)]
    packages = tuple(name for is_stale, name in rows if is_stale == "true")
    for script in program.scripts:
        module = _output(program, [go, "list", "-m", "-f", "{{.Dir}}", program.scripts_module])[0]
        shutil.copyfile(Path(module) / script, folder / script.rsplit("/", 1)[-1])
    step.says(f"{len(packages)} of {len(rows)} packages to compile")
    return packages


def build(program: Program, folder: Path, starts: Callable[[str], None]) -> None:
    """Build `program` into `folder`; `starts` hears of each package when Go begins to compile it.

    Raises:
        UnavailableError: no Go can build it, or the build failed.
        BerthError: the disk is full.

    """
    out = str(folder / program.command)
    argv = [gotool.find(program), "build", "-v", *_options(program), "-o", out, program.package]
    lines: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix=cache.STAGED, dir=folder.parent) as work,  # /tmp may be small
        gotool.running(program, argv, GOTMPDIR=work) as process,
    ):
        for line in process.stderr or ():
            lines.append(line.rstrip())
            if " " not in lines[-1]:  # the others are what went wrong
                starts(lines[-1])
    if process.returncode:
        raise _failure(program, process.returncode, lines)


def _options(program: Program) -> list[str]:
    """Options that decide what is compiled: `go list` and `go build` must hear the same."""
    tags = ["-tags", ",".join(program.tags)] if program.tags else []
    variable = program.version_variable
    told = f" -X {variable}=v{program.version}" if variable else ""
    # The linker drops what a debugger would need (-s -w), so the compiler need not make it: a tenth of its time.
    # Without inlining the clients of clouds take half of it, and half of the memory.
    compiler = ["-gcflags=all=-dwarf=false", *(f"-gcflags={pattern}=-dwarf=false -l" for pattern in _NEVER_HOT)]
    return ["-trimpath", *tags, *compiler, "-ldflags", f"-s -w{told}"]


def _output(program: Program, argv: list[str]) -> list[str]:
    with gotool.running(program, argv) as process:
        out, err = process.communicate()
    if process.returncode:
        raise _failure(program, process.returncode, err.splitlines())
    return out.splitlines()


def _failure(program: Program, code: int, lines: list[str]) -> Exception:
    text = "\n".join(lines)
    said = [line.strip() for line in lines if " " in line.strip()]  # the others are names of packages
    if full := _FULL.search(text):
        return cache.disk_full(program.label, full[1])
    if "SECURITY ERROR" in text:
        what = f"wrong checksum of a source, refused: {'; '.join(line for line in said if _ALTERED.match(line))}"
        return BerthError(program.label, what, "what answers as GOPROXY alters your downloads: use another")
    if code == -signal.SIGKILL or _MEMORY.search(text):
        reason = f"memory ran out, or it took longer than {gotool.LIMIT_S // 60} minutes"
        return UnavailableError(reason, "free some memory, add swap, or set GOMAXPROCS=1")
    fix = "Go must reach what `go env GOPROXY GOSUMDB` names and write to what `go env GOCACHE GOMODCACHE` names"
    return UnavailableError(said[-1] if said else f"Go ended with {code}", fix)
