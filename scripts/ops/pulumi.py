"""Runs Pulumi on a stack: checks its configuration, turns the policy pack on, and explains a failure as our error."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nomad_jobs.errors import AuthError, BerthError, ConfigError, DeployError, Exit, PolicyError
from nomad_jobs.render import ROOT
from scripts.ops.cost import config_of
from scripts.ops.pulumi_refusals import refusal
from scripts.ops.toolchain.order import resolve

PROGRAMS = ("pulumi", "pulumi-language-python")
PACK = "PULUMI_OPTION_POLICY_PACK"
"""Pulumi takes any option from the environment (3.208 and later), so that no command line can forget this one."""
CHANGING = ("up", "refresh", "destroy")
_KNOWS_PACK = ("preview", "up")

_LOGIN = "log in again (`aws sso login`, or a new CI job) and repeat the command: it goes on where it stopped"
_AUTH = re.compile(
    r"ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClientException|AuthFailure|InvalidAccessKeyId"
    r"|SignatureDoesNotMatch|NoCredentialProviders|No valid credential sources|get credentials"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What a failed run of Pulumi left: its code, its standard error, its log of events."""

    code: int
    said: str
    """All of its standard error."""
    events: tuple[Mapping[str, Any], ...]

    @property
    def violations(self) -> list[str]:
        """Every violation, as the policy pack words it."""
        found = [one["policyEvent"] for one in self.events if "policyEvent" in one]
        return [_last_line(one["message"]) for one in found if one["enforcementLevel"] == "mandatory"]

    @property
    def errors(self) -> list[str]:
        """What the engine, the program or the provider said was wrong."""
        found = [one["diagnosticEvent"] for one in self.events if "diagnosticEvent" in one]
        return [_plain(one["message"]) for one in found if one["severity"] == "error"]


def run(verb: str, stack: str, options: tuple[str, ...] = (), *, root: Path = ROOT) -> None:
    """Run `preview`, `up`, `refresh` or `destroy` of a stack, on this terminal.

    Raises:
        ConfigError: (or ManyErrors) `Pulumi.<stack>.yaml` is wrong; Pulumi was not run.
        PolicyError: the policy pack found violations.
        AuthError: AWS or the state's backend refuses the credentials of the environment.
        NoSuchStackError: the backend has no such stack.
        ChangesError: `--expect-no-changes` was given, and there are some.
        DeployError: AWS refused something, or another run holds the stack.

    """
    config_of(stack)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "events.json"
        argv = [str(resolve("pulumi")), verb, "--stack", stack, "--event-log", str(log), *options]
        with subprocess.Popen(argv, cwd=root, env=environment(verb), stderr=subprocess.PIPE, text=True) as done:
            said = _shown(done)
        if done.returncode:
            failed = _Run(code=done.returncode, said=said, events=tuple(_events(log)))
            raise _explained(verb, stack, failed)


def environment(verb: str = "up") -> dict[str, str]:
    """Give the environment of a run, in which Pulumi finds this Python, its language host and the policy pack."""
    # The Python host 3.76 takes the first python on PATH, whatever virtual environment the project names.
    folders = (Path(sys.executable).parent, *(resolve(name).parent for name in PROGRAMS))
    pack = {PACK: os.environ.get(PACK) or str(ROOT / "infra" / "policy")} if verb in _KNOWS_PACK else {}
    return {
        **os.environ,
        **pack,
        "PATH": os.pathsep.join((*map(str, folders), os.environ.get("PATH", ""))),
        "PULUMI_ERROR_OUTPUT_STRING": "true",  # formatting an output into a text is an error
        "PULUMI_DEBUG_COMMANDS": "true",  # enables --event-log
    }


def _shown(done: "subprocess.Popen[str]") -> str:
    """Copy standard error to ours as it comes, and return it; standard output goes to the terminal by itself."""
    kept: list[str] = []
    reader = threading.Thread(target=_pass_on, args=(done.stderr, kept))
    reader.start()
    try:
        done.wait()
    except KeyboardInterrupt:
        done.wait()  # Pulumi got the Ctrl-C too, and finishes the operations it has begun
        raise
    finally:
        reader.join()
    return "".join(kept)


def _pass_on(stream: IO[str] | None, kept: list[str]) -> None:
    for line in stream or ():
        kept.append(line)
        sys.stderr.write(line)


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    for line in log.read_text().splitlines() if log.exists() else ():
        yield json.loads(line)


def _explained(verb: str, stack: str, failed: _Run) -> BerthError:
    where = f"pulumi {verb} {stack}"
    text = "\n".join([failed.said, *failed.errors])
    if failed.violations:
        return PolicyError(where, f"{len(failed.violations)} rule(s) broken, first: {failed.violations[0]}")
    if expired := _AUTH.search(text):
        return AuthError(where, f"AWS refused the credentials ({expired[0]}); the state holds what was done", _LOGIN)
    if refused := refusal(where, stack, text):
        return refused
    first = next(iter(failed.errors), "") or _last_line(failed.said) or f"ended with code {failed.code}"
    kind = ConfigError if _REFUSED in text else DeployError if verb in CHANGING else BerthError
    line = _last_line(first) if _TRACEBACK in first else _first_line(first)
    return kind(where, line, "fix it and repeat the command: what was done is kept")


_REFUSED = f"program exited with non-zero exit code: {Exit.CONFIG}"
"""What the engine prints when our program refuses its configuration; each fault has a line of its own."""
_TRACEBACK = "Traceback (most recent call last)"
_MARKUP = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


def _plain(text: str) -> str:
    return _MARKUP.sub("", text).strip().removeprefix("error: ")


def _first_line(text: str) -> str:
    return next(iter(_plain(text).splitlines()), "")


def _last_line(text: str) -> str:
    return next(iter(reversed(_plain(text).splitlines())), "")
