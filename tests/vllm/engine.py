"""The real engine as a Nomad task runs it: the catalogue's words, environment and files, and a tiny model."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from nomad_jobs import vllm
from nomad_jobs.model import Secret, SecretRef, Source
from nomad_jobs.render import ROOT
from tests.vllm.install import VERSIONS, home, model

__all__ = ["KEYS", "NAME", "VERSIONS", "Engine", "Task"]

NAME = "tiny"
KEYS = ("kept-key-one", "kept-key-two")
_START_S = 300
_STOP_S = 60
# No network, no telemetry, one core, no compiler: what a small machine can do.
_ON_A_CPU = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
}


@dataclass(slots=True)
class Engine:
    """One that runs, or ran."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None) -> httpx.Client:
        """Make a client of it, with `key` as its API key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def listens(self) -> bool:
        """Tell whether a connection is taken."""
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def wait_until_healthy(self) -> None:
        """Wait for /health; raises AssertionError with the log's end where it does not come."""
        end = time.monotonic() + _START_S
        while not (self.listens() and httpx.get(f"{self.url}/health", trust_env=False, timeout=30).is_success):
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < end, f"not healthy after {_START_S} s"
            time.sleep(0.2)

    def stop(self) -> int:
        """Ask it to end and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S)


@dataclass(slots=True)
class Task:
    """A task's folder: `local/` and `secrets/`, as the catalogue's files fill them."""

    folder: Path
    version: str
    keys: tuple[str, ...] = KEYS
    values: dict[Secret, str] = field(init=False)

    def __post_init__(self) -> None:
        """Write the files."""
        self.values = {Secret(name=f"key-{number}"): key for number, key in enumerate(self.keys)}
        for file in vllm.files(tuple(self.values)):
            path = self.folder / file.path
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(self._text(part) for part in file.parts))

    def _text(self, part: object) -> str:
        if isinstance(part, SecretRef):
            return json.dumps(self.values[part.secret])
        return (ROOT / part.path).read_text() if isinstance(part, Source) else str(part)

    @property
    def keys_file(self) -> Path:
        """Where the keys stand."""
        return self.folder / "secrets" / "keys.json"

    def give(self, *keys: str) -> None:
        """Write the keys anew, as Nomad does: aside, then moved into place."""
        aside = self.keys_file.with_suffix(".new")
        aside.write_text(json.dumps({"keys": keys}))
        aside.replace(self.keys_file)

    @contextmanager
    def running(self) -> Iterator[Engine]:
        """Start the engine; in the end nothing of it is left."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        places = {"${BERTH_BIND}": "127.0.0.1", "${NOMAD_PORT_http}": str(port)}
        words = vllm.argv(str(model()), name=NAME, longest_stream_s=10)
        argv = [str(home(self.version) / "bin" / "vllm"), "serve", *(places.get(word, word) for word in words)]
        log = self.folder / "log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [*argv, "--enforce-eager", "--max-model-len", "2048"],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
            try:
                yield Engine(process, port, log)
            finally:
                _end(process)

    @property
    def _environment(self) -> dict[str, str]:
        places = {"${NOMAD_TASK_DIR}": f"{self.folder}/local", "${NOMAD_SECRETS_DIR}": f"{self.folder}/secrets"}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **_ON_A_CPU}
        for variable in vllm.ENV:
            value = str(variable.value)
            for place, path in places.items():
                value = value.replace(place, path)
            env[variable.name] = value
        return env


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its own children outlive an engine that was killed
    except ProcessLookupError:
        return
