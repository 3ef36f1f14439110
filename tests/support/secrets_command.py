"""Runs `berth secrets` as a user does, on a booted platform: in this process or in one of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from nomad_jobs.model import Service
from scripts import cli
from scripts.ops.local.setup.seed import seed
from tests.support.laptop import Laptop, laptop
from tests.support.platforms import ON_LAPTOP

_TOO_SHORT = 7
"""Of a value: it may stand in a message as another word."""


@contextmanager
def serving(*services: Service) -> Iterator[Laptop]:
    """Boot a laptop with all first secrets that the command finds, and with these services."""
    with laptop() as booted:
        booted.state.write(booted.state.root / "platform.json", booted.platform.to_json())
        seed(ON_LAPTOP, booted.platform, booted.target.vault, booted.state.keys)
        if services:
            booted.deploy(*services)
        yield booted


def newest(laptop: Laptop, name: str) -> int:
    """Give the number of the newest version of a secret."""
    return laptop.target.vault.newest(f"default/{name}").version


class Piped(io.BytesIO):
    """What stands behind stdin; `first` is called before anything is read, as if somebody acted meanwhile."""

    def __init__(self, value: bytes, first: Callable[[], object]) -> None:
        super().__init__(value)
        self._first = first

    def read(self, size: int | None = -1) -> bytes:
        self._first()
        return super().read(size)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command ended with."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Command:
    """`berth secrets` on one platform."""

    platform: Laptop
    patch: pytest.MonkeyPatch
    caught: pytest.CaptureFixture[str]

    def __call__(
        self, *words: str, stdin: str = "", meanwhile: Callable[[], object] = lambda: None, debug: bool = False
    ) -> Answer:
        """Run it in this process, and see that it shows no value.

        `meanwhile` happens after it has looked at the secret and before it has a value.
        """
        self.caught.readouterr()
        with self.patch.context() as patch:
            patch.setenv("BERTH_STATE_DIR", str(self.platform.state.root))
            patch.setattr("sys.stdin", io.TextIOWrapper(Piped(stdin.encode(), meanwhile)))
            code = cli.run([*(["--debug"] if debug else []), "secrets", *words])
        said = self.caught.readouterr()
        assert len(stdin) < _TOO_SHORT or stdin.strip() not in said.out + said.err
        return Answer(int(code), said.out, said.err)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin it in a process of its own, whose stdin is left open."""
        env = {**os.environ, "BERTH_STATE_DIR": str(self.platform.state.root)}
        argv = [sys.executable, "-m", "scripts", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
