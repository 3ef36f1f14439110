"""Runs the programs that make an image, and says of one that fails which step it was, why, and what to do."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.errors import AuthError, BerthError

_LIMIT_S = 1800
_TELLING = re.compile(r"^(e:|error|fatal|time=.*level=(error|fatal))", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cause:
    """What a program says when something is wrong around it, and what helps."""

    said: re.Pattern[str]
    what: str
    fix: str
    error: type[BerthError] = BerthError


def _said(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_CAUSES = (
    _Cause(
        said=_said(r"no space left on device|disk quota exceeded"),
        what="the disk is full",
        fix="free some space and run it again; what is complete stays",
    ),
    _Cause(
        said=_said(r"unauthorized|authentication required|denied|403 \(?forbidden"),
        what="the registry refuses this login",
        fix="run `docker login` for it, as a user who may do this there",
        error=AuthError,
    ),
    _Cause(
        said=_said(
            r"could not resolve|temporary failure resolving|could not connect|unable to connect|no route to host"
        ),
        what="Debian's archive cannot be reached",
        fix="check the network, or name a mirror with BERTH_DEBIAN_MIRROR",
    ),
    _Cause(
        said=_said(r"unable to locate package|has no installation candidate|404 +not found"),
        what="Debian's archive does not have it",
        fix="check the names in nomad_jobs/own_images.py, or the mirror in BERTH_DEBIAN_MIRROR",
    ),
    _Cause(
        said=_said(r"(manifest|blob|name) unknown|status code from registry 404"),
        what="the registry does not have all of it",
        fix="name another digest in nomad_jobs/own_images.py, or have it pushed again",
    ),
    _Cause(
        said=_said(r"no image found in \S+ \S+ for architecture"),
        what="it has no image for linux/amd64",
        fix="name the digest of one that has, in nomad_jobs/own_images.py",
    ),
    _Cause(
        said=_said(r"does not match (the )?(provided|expected|manifest)|digest (did not match|mismatch)"),
        what="the registry serves other bytes than the digest says",
        fix="ask whoever runs it; nothing was kept",
    ),
    _Cause(
        said=_said(r"could not find a version that satisfies|no matching distribution"),
        what="the package index cannot be reached, or no longer has a wheel",
        fix="check the network: building needs it; or copy ~/.cache/berth/images from a machine that has built them",
    ),
    _Cause(
        said=_said(r"connection refused|no such host|i/o timeout|max retries exceeded|newconnectionerror"),
        what="the other side cannot be reached",
        fix="check the network and try again",
    ),
)


def run(
    where: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run one program to its end and return its stdout.

    `where` is the image and the step, in the user's words.

    Raises:
        BerthError: it failed, with its own last words and the way out where the cause is known.

    """
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BerthError(where, f"no end after {_LIMIT_S // 60} minutes", "look at the machine's load") from error
    if done.returncode != 0:
        raise failure(where, Path(argv[0]).name, done.stderr or done.stdout)
    return done.stdout


def failure(where: str, program: str, text: str) -> BerthError:
    """Make the error of a `program` that failed with `text`."""
    for cause in _CAUSES:
        if cause.said.search(text):
            return cause.error(where, f"{cause.what} ({program}: {_line(text, cause.said)})", cause.fix)
    return BerthError(where, f"{program} failed: {_line(text, _TELLING)}", "run it again; what is complete stays")


def _line(text: str, wanted: re.Pattern[str]) -> str:
    """Give the line that says it best: the first that matches, or else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = next((line for line in lines if wanted.search(line)), lines[-1] if lines else "it said nothing")
    return chosen[:300]
