"""The catalogue's own apps as real processes, on ports that the system picks."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

GUARD = Path(__file__).parents[2] / "nomad_jobs" / "apps" / "engine_keys.py"
GUARD_CLASS = f"{GUARD.stem}.Guard"
SCOUT = "meta-llama/Llama-4-Scout-17B-16E-Instruct"
_START_S = 30
_STOP_S = 30


@dataclass(slots=True)
class App:
    """One that runs; its log is read as it is written."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def read(self, log: IO[str]) -> None:
        """Follow the log until the process closes it; runs in a thread."""
        for line in log:
            with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()

    def wait_for(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until the log has `count` lines of that `event`; raises TimeoutError."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.events if line["event"] == event]

        with self._news:
            if not self._news.wait_for(lambda: len(found()) >= count, _START_S):
                raise TimeoutError(f"no {event!r} in {self.events}")
            return found()

    def url(self, name: str = "http") -> str:
        """Where the listener of that name answers."""
        return next(str(line["url"]) for line in self.events if line["event"] == "listening" and line["name"] == name)

    @property
    def port(self) -> int:
        """The port of the `http` listener."""
        return int(self.url().rpartition(":")[2])

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """Make a client of it, with `key` as its API key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url(), headers=headers, trust_env=False, timeout=30, **options)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S)


@contextmanager
def running(name: str, *argv: str | Path, listeners: int = 1, env: dict[str, str] | None = None) -> Iterator[App]:
    """Run `nomad_jobs.apps.<name>` until the block ends; it listens when the block begins."""
    command = [sys.executable, "-m", f"nomad_jobs.apps.{name}", *map(str, argv)]
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **(env or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        app = App(process)
        reader = threading.Thread(target=app.read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            app.wait_for("listening", listeners)
            yield app
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            reader.join(_STOP_S)


@contextmanager
def running_engine(
    directory: Path,
    *argv: str,
    keys: tuple[str, ...] = (),
    time_scale: float = 0,
    env: dict[str, str] | None = None,
) -> Iterator[App]:
    """Run an engine named `scout`, without pauses unless `time_scale` says so; further arguments win.

    Its `keys` are vLLM's own, which guard /v1 alone.
    """
    config = directory / "engine.yaml"
    config.write_text(f"model: {SCOUT}\n" + (f"api-key: {json.dumps(keys)}\n" if keys else ""))
    common = ("--config", config, "--served-model-name", "scout", "--port", "0", "--time-scale", str(time_scale))
    with running("engine", *common, *argv, env=env) as app:
        yield app


def guard_environment(keys_file: Path) -> dict[str, str]:
    """Tell an engine where its guard and the guard's keys are, as a Nomad job does."""
    return {"PYTHONPATH": str(GUARD.parent), "ENGINE_KEYS_FILE": str(keys_file)}


@contextmanager
def guarded_engine(keys_file: Path, *argv: str) -> Iterator[App]:
    """Run an engine named `scout` without pauses, behind the guard with the keys of that file."""
    common = (SCOUT, "--served-model-name", "scout", "--port", "0", "--time-scale", "0", "--middleware", GUARD_CLASS)
    with running("engine", *common, *argv, env=guard_environment(keys_file)) as app:
        yield app


def status_of(port: int, method: str, path: str, body: object) -> int:
    """Ask for the path exactly as it stands, which httpx would tidy, and return the status."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status


def eventually(check: Any, deadline_s: float = 10) -> None:
    """Ask `check` until it is true; raises AssertionError after `deadline_s` seconds."""
    end = time.monotonic() + deadline_s
    while not check():
        assert time.monotonic() < end, "it did not come true in time"
        threading.Event().wait(0.01)


def sse(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Parse server-sent events up to `[DONE]`, which must come."""
    for line in lines:
        if line == "data: [DONE]":
            return
        if line:
            yield json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended without [DONE]")
