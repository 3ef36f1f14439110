"""The real Pulumi engine over a moto server: one project in a folder, its commands, and the steps that it logged."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from scripts.ops.toolchain.order import resolve
from tests.support.aws_provider import account
from tests.support.moto_server import credentials

ROOT = Path(__file__).parents[2]
_PROVIDER = '#!/bin/sh\nPYTHONPATH={root} exec {python} -m tests.support.aws_provider "$@"\n'
_PROGRAMS = ("pulumi", "pulumi-language-python")
_DEADLINE_S = 120


@cache
def _program(name: str) -> Path:
    return resolve(name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing the engine did, or would do, to a resource."""

    op: str
    urn: str
    diffs: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return self.urn.split("::")[2].split("$")[-1]

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of one command of the engine."""

    code: int
    said: str
    steps: tuple[Step, ...]
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """Count the steps of each kind, without those that change nothing."""
        return dict(Counter(step.op for step in self.steps if step.op not in {"same", "read"}))

    def of(self, op: str) -> list[str]:
        """Name the types that a kind of step touched."""
        return sorted(step.type for step in self.steps if step.op == op)


@dataclass(kw_only=True)
class Engine:
    """A Pulumi project over a moto server, with a file backend in `home`."""

    home: Path
    project: Path
    url: str
    stack: str
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The engine looks for the provider here: it finds the stand-in.
        for folder in ("bin", "backend", "pulumi"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        provider = self.home / "bin" / "pulumi-resource-aws"
        provider.write_text(_PROVIDER.format(root=ROOT, python=sys.executable))
        provider.chmod(0o755)

    @property
    def account(self) -> Path:
        """The file in which the stand-in records what moto does not hold."""
        return self.home / "account.jsonl"

    def kept(self) -> dict[str, str]:
        """Read which inputs live in Pulumi's state only."""
        return account.read(self.account)

    def env(self, **more: str) -> dict[str, str]:
        """Give the whole environment of a command, without this machine's own AWS or Pulumi login."""
        # This Python comes before any other: the 3.76 host takes the first one, whatever `virtualenv` says.
        folders = (self.home / "bin", Path(sys.executable).parent, *(_program(name).parent for name in _PROGRAMS))
        return {
            "PATH": os.pathsep.join((*map(str, folders), os.environ["PATH"])),
            "PYTHONPATH": str(ROOT),  # this tree, whichever one is installed
            "HOME": str(self.home),
            "PULUMI_HOME": str(self.home / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.home / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "for this test only",
            "PULUMI_DEBUG_COMMANDS": "true",  # enables --event-log
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "BERTH_AWS_ACCOUNT": str(self.account),
            **credentials(self.url),
            **self.environment,
            **more,
        }

    def command(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` in the project."""
        return subprocess.run(
            [str(_program("pulumi")), *argv, "--non-interactive"],
            cwd=self.project,
            env=self.env(**more),
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )

    def must(self, *argv: str) -> str:
        """Run a command that has to succeed."""
        done = self.command(*argv, "--stack", self.stack)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, verb: str, *argv: str, foresee: bool = False, **more: str) -> Outcome:
        """Run a verb of the engine and read its log of events; `foresee`: it previews first, as for a person."""
        events = self.home / f"events-{verb}.json"
        events.unlink(missing_ok=True)
        started = os.times().elapsed
        options = [] if verb == "preview" else ["--yes"] if foresee else ["--yes", "--skip-preview"]
        done = self.command(verb, *options, *argv, "--stack", self.stack, "--event-log", str(events), **more)
        return Outcome(
            code=done.returncode,
            said=done.stdout + done.stderr,
            steps=tuple(_steps(events, verb)),
            seconds=os.times().elapsed - started,
        )

    def state(self) -> dict[str, Any]:
        """Give the stack's state as the engine keeps it."""
        return dict(json.loads(self.must("stack", "export")))

    def outputs(self) -> dict[str, Any]:
        """Give the stack's outputs, secrets hidden."""
        return dict(json.loads(self.must("stack", "output", "--json")))


def _steps(events: Path, verb: str) -> Iterator[Step]:
    kind = "resourcePreEvent" if verb == "preview" else "resOutputsEvent"
    for line in events.read_text().splitlines() if events.exists() else ():
        event = json.loads(line)
        if kind in event and event[kind].get("planning", False) == (verb == "preview"):
            made = event[kind]["metadata"]
            yield Step(op=made["op"], urn=made["urn"], diffs=tuple(made.get("diffs") or ()))


def copy_program(target: Path, *folders: str) -> Path:
    """Lay out the project in `target`: the folders as they are, the stack files as copies that a test may change."""
    target.mkdir(parents=True)
    for folder in folders:
        (target / folder).symlink_to(ROOT / folder)
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, target)
    return target
