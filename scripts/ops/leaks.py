"""Looks for secrets in the repository, for `make check`: names each place that gitleaks finds, never the value."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nomad_jobs.errors import BerthError, Exit, PolicyError
from nomad_jobs.render import ROOT
from scripts.ops.toolchain.order import resolve

RULES = ".gitleaks.toml"
_DEADLINE_S = 120


def leaks(folder: Path) -> Iterator[PolicyError]:
    """Yield what looks like a secret in the files below `folder`, by the rules of the repository.

    Raises:
        ConfigError: gitleaks is not installed.
        BerthError: it could not look.

    """
    argv = (resolve("gitleaks"), "dir", ".", "--config", ROOT / RULES, "--redact", "--no-banner", "--exit-code", "0")
    report = ("--report-format", "json", "--report-path", "-", "--log-level", "error")
    done = subprocess.run(
        (*argv, *report), cwd=folder, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise BerthError("gitleaks", f"could not look: {' '.join(done.stderr.split())[:300]}")
    for found in json.loads(done.stdout):
        where = f"{found['File']}:{found['StartLine']}"
        fix = f"take it out and revoke it; what is no secret gets a line with its reason in {RULES}"
        yield PolicyError(where, f"looks like a secret ({found['RuleID']})", fix)


def main() -> None:
    """Look in this repository; print each place on a line."""
    try:
        found = list(leaks(ROOT))
    except BerthError as error:
        sys.exit(str(error))
    for one in found:
        sys.stderr.write(f"{one}\n")
    sys.exit(Exit.POLICY if found else Exit.DONE)


if __name__ == "__main__":
    main()
