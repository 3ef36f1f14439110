"""A Docker daemon of a test's own: its data, its socket and its containers are gone afterwards. Needs root."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.ops.waiting import wait_until

_STOP_S = 30


@dataclass(slots=True)
class Docker:
    """A daemon; `host` is what DOCKER_HOST names."""

    host: str
    argv: tuple[str, ...]
    log: Path
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self.argv, stdout=out, stderr=out)
        wait_until(self._missing, where="dockerd", what="its start", deadline_s=60)

    def stop(self) -> None:
        """Stop it with all that it runs, as `systemctl stop docker` does."""
        if self._process:
            self._process.terminate()
            self._process.wait(_STOP_S)
            self._process = None

    def _missing(self) -> str | None:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()
        asked = subprocess.run(["docker", "-H", self.host, "version"], capture_output=True, text=True, check=False)
        return None if asked.returncode == 0 else asked.stderr.strip()

    def __call__(self, *words: str) -> str:
        done = subprocess.run(["docker", "-H", self.host, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    @contextmanager
    def container(self, image: str, *words: str, options: tuple[str, ...] = ()) -> Iterator[str]:
        """Run `image` as strictly as a node can: nothing writable, no capability; on this machine's own network."""
        strict = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host")
        name = self("run", "--detach", *strict, *options, image, *words)
        try:
            yield name
        finally:
            self("rm", "--force", name)

    def logs(self, container: str) -> str:
        """Give what a container said."""
        done = subprocess.run(
            ["docker", "-H", self.host, "logs", container], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr


@contextmanager
def docker(folder: Path, *, makes_networks: bool = False, mirror: str = "") -> Iterator[Docker]:
    """Run a daemon until the end of the block; it asks the registry `mirror` first for what Docker Hub has.

    It makes no network, so the machine's firewall stays as it is; one that does belongs into a namespace of its own.
    """
    program = shutil.which("dockerd")
    assert program, "dockerd is not installed: apt-get install docker.io"
    with tempfile.TemporaryDirectory(prefix="berth-d-") as short:  # a socket's path has at most 107 characters
        socket = Path(short) / "docker.sock"
        places = [f"--data-root={folder / 'data'}", f"--exec-root={short}/exec", f"--pidfile={short}/pid"]
        careful = [] if makes_networks else ["--iptables=false", "--ip-forward=false"]
        mirrors = [f"--registry-mirror={mirror}"] if mirror else []
        argv = (program, f"--host=unix://{socket}", *places, "--bridge=none", *careful, *mirrors)
        daemon = Docker(f"unix://{socket}", argv, folder / "dockerd.log")
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.stop()
        _unmount(folder, Path(short))


def _unmount(*folders: Path) -> None:
    """Unmount what the daemon left mounted, deepest first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = [place for place in mounts if any(place.startswith(f"{folder}/") for folder in folders)]
    for place in sorted(ours, reverse=True):
        subprocess.run(["umount", place], capture_output=True, check=False)
