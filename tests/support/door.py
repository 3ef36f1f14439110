"""A front door by itself: the real NGINX, started and reloaded by the scripts that Nomad gives it."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nginx.render import __file__ as nginx_package
from scripts.ops.front_door import FrontDoor, parse
from scripts.ops.local.authority import make_certificate
from scripts.ops.waiting import wait_until
from tests.support.laptop import free_port

_NGINX = Path(nginx_package).parent
_DEADLINE_S = 20


@dataclass(kw_only=True)
class Door:
    """The folder of its task, and the process once it was started."""

    task: Path
    port: int
    tls_port: int
    status: int
    process: "subprocess.Popen[str] | None" = None

    def __post_init__(self) -> None:
        for folder in ("local/next", "secrets"):
            (self.task / folder).mkdir(parents=True)
        for script in ("start.sh", "apply.sh"):
            shutil.copy(_NGINX / script, self.local / script)
        text = (_NGINX / "nginx.conf").read_text()
        values = {"BERTH_BIND": "127.0.0.1", "NOMAD_PORT_status": str(self.status), "BERTH_LONGEST_REQUEST_S": "5"}
        for name, value in values.items():
            text = text.replace(f'{{{{ env "{name}" }}}}', value)
        (self.local / "next" / "nginx.conf").write_text(text)
        self.certify(1)

    @property
    def local(self) -> Path:
        return self.task / "local"

    def certify(self, version: int, *, keys: Path | None = None) -> None:
        """Write a new certificate where Nomad would."""
        folder = keys or self.task / "authority"
        folder.mkdir(exist_ok=True)
        certificate, key = make_certificate("a front door", ["app.localhost"], [], folder)
        self.write_pem(f'berth versions {{"ingress/tls": {version}}}\n{certificate}\n{key}\n')

    def write_pem(self, text: str) -> None:
        (self.task / "secrets" / "tls.pem").write_text(text)

    def route(self, name: str, *, host: str = "", says: str = "", body: str = "") -> str:
        """One route as the node's template writes it, answering `says` itself; `body` replaces its server's content."""
        record = f'"record": {{"host": "{host or name}.localhost"}}'
        inner = body or f"return 200 '{says or name}';"
        return (
            f'#berth {{"service": "{name}", {record}, "peers": [], "unfit": []}}\n'
            f"server {{\n    listen 127.0.0.1:{self.port};\n    listen 127.0.0.1:{self.tls_port} ssl;\n"
            f"    server_name {host or name}.localhost;\n    {inner}\n}}\n"
        )

    def routes(self, *routes: str) -> None:
        """Write a new configuration where Nomad would."""
        base = f"server {{ listen 127.0.0.1:{self.port} default_server; return 404 'no such host'; }}\n"
        (self.local / "next" / "sites.conf").write_text(base + "".join(routes) + "# end\n")

    def apply(self, *words: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Do what Nomad does after it has written a new configuration."""
        argv = ["/bin/bash", "local/apply.sh", *words]
        env = {**self.environment, "PATH": f"{folder or self.task}:{self.environment['PATH']}"}
        return subprocess.run(argv, cwd=self.task, env=env, capture_output=True, text=True, check=False)

    def start(self) -> None:
        argv = ["/bin/bash", str(self.local / "start.sh")]
        with (self.task / "stderr.txt").open("w") as stderr:
            self.process = subprocess.Popen(argv, cwd=self.task, env=self.environment, stderr=stderr, text=True)

    def started(self) -> FrontDoor:
        self.start()
        wait_until(
            lambda: None if self.runs().generation else "it says nothing",
            where="NGINX",
            what="start",
            deadline_s=_DEADLINE_S,
        )
        return self.runs()

    def runs(self) -> FrontDoor:
        return parse("test", *(self._text(name) for name in ("running.jsonl", "refused.txt")))

    def asks(self, host: str) -> str:
        """Body of the answer to `GET /` for `host`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode().rpartition("\r\n\r\n")[2]

    def certificate(self) -> str:
        """The certificate that is served."""
        return ssl.get_server_certificate(("127.0.0.1", self.tls_port))

    def _text(self, name: str) -> str:
        path = self.local / name
        return path.read_text() if path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "NOMAD_TASK_DIR": str(self.local),
            "NOMAD_PORT_status": str(self.status),
        }


@contextmanager
def door(folder: Path) -> Iterator[Door]:
    """Make a front door, and remove it at the end."""
    with ExitStack() as held:
        port, tls_port, status = (free_port(held) for _ in range(3))
    made = Door(task=folder / "task", port=port, tls_port=tls_port, status=status)
    try:
        yield made
    finally:
        if made.process is not None:
            made.process.terminate()
            made.process.wait(10)
