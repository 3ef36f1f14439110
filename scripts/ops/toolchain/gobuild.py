"""Builds a program with Go from the module that pins it; Go checks every source against its checksum."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.ops.progress import Step
from scripts.ops.toolchain import cache
from scripts.ops.toolchain.programs import Program
from scripts.ops.toolchain.ways import UnavailableError, bar

MODULES = Path(__file__).parents[2] / "toolchain"
GO_FLOOR = (1, 21)  # the first Go that fetches the newer one that a module asks for
_LIMIT_S = 1800
_KEPT = re.compile(
    r"HOME|PATH|TMPDIR|XDG_(CACHE|CONFIG)_HOME|GO(ENV|PROXY|NOPROXY|PRIVATE|SUMDB|NOSUMDB|CACHE|MODCACHE|PATH|TOOLCHAIN)"
    r"|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)"
)


def build(program: Program, folder: Path, step: Step) -> None:
    """Build `program` into `folder`, with the scripts that belong beside it.

    Raises:
        UnavailableError: Go is missing or too old, a source cannot be fetched, or the build failed.
        BerthError: the disk is full.

    """
    go = _go()
    step.says("Go build: fetching sources")
    packages = _output(program, [go, "list", "-deps", program.package])
    for script in program.scripts:
        module = _output(program, [go, "list", "-m", "-f", "{{.Dir}}", program.scripts_module])[0]
        shutil.copyfile(Path(module) / script, folder / script.rsplit("/", 1)[-1])
    _compile(program, [go, *_arguments(program, folder)], len(packages), step)


def _arguments(program: Program, folder: Path) -> list[str]:
    variable = program.version_variable
    told = f" -X {variable}=v{program.version}" if variable else ""
    return [
        "build",
        "-v",
        "-trimpath",
        "-ldflags",
        f"-s -w{told}",
        "-o",
        str(folder / program.name),
        program.package,
    ]


def _go() -> str:
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


def _env() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return kept | {"GOFLAGS": "-buildvcs=false", "GOWORK": "off"}


def _output(program: Program, argv: list[str]) -> list[str]:
    with _running(program, argv) as process:
        out, err = process.communicate()
    if process.returncode:
        raise _failure(program, process.returncode, err.splitlines())
    return out.splitlines()


def _compile(program: Program, argv: list[str], packages: int, step: Step) -> None:
    lines: list[str] = []
    with _running(program, argv) as process:
        for line in process.stderr or ():
            lines.append(line.rstrip())
            step.says(bar("Go build", len(lines), packages))
    if process.returncode:
        raise _failure(program, process.returncode, lines)


@contextmanager
def _running(program: Program, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=MODULES / program.module, env=_env(), stdout=pipe, stderr=pipe, text=True
    ) as process:
        timer = threading.Timer(_LIMIT_S, process.kill)
        timer.start()
        try:
            yield process
        except BaseException:
            process.kill()  # after Ctrl-C, Go must not go on building in the background
            raise
        finally:
            timer.cancel()


def _failure(program: Program, code: int, lines: list[str]) -> Exception:
    text = "\n".join(lines)
    if "no space left on device" in text or "disk quota exceeded" in text:
        return cache.disk_full(program.label)
    if code < 0:
        return UnavailableError(f"Go was ended by signal {-code} (its limit is {_LIMIT_S // 60} minutes)")
    said = [line.strip() for line in lines if " " in line.strip()]  # the others are names of packages
    return UnavailableError(said[-1] if said else f"Go ended with {code}")
