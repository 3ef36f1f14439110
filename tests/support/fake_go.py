"""A Go of shell builtins: it builds a script that prints the version it was asked for."""

from pathlib import Path

from tests.support.publisher import MakeProgram

_GO = """
export -p > {notes}/env; echo "$PWD $@" >> {notes}/calls
case "$1 $2" in
  "env GOVERSION") echo go1.{minor}.1; echo {toolchain}; echo {has_c} ;;
  "list -deps") echo true one; echo false two; {fetch} ;;
  "list -m") echo {notes} ;;
  "build "*)
    while [ "$1" != -o ]; do shift; done
    {build}
    printf '#!/bin/sh\\necho tool v1.2.3\\n' > "$2" ;;
esac
"""


def fake_go(
    on_path: MakeProgram,
    notes: Path,
    *,
    minor: int = 26,
    build: str = "",
    fetch: str = "",
    toolchain: str = "auto",
    has_c: int = 1,
) -> None:
    """Put it on PATH; it notes its environment and its calls in `notes`, and runs `fetch` and `build` meanwhile."""
    on_path("go", _GO.format(notes=notes, minor=minor, build=build, fetch=fetch, toolchain=toolchain, has_c=has_c))
