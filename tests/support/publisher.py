"""A publisher of programs on loopback: archives, checksums and an OpenPGP signature by a throwaway key."""

import hashlib
import io
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pysequoia import SignatureMode, Tsk, sign

from scripts.ops.toolchain import cache, releases
from scripts.ops.toolchain.programs import Program, Release

MakeProgram = Callable[..., Path]
NAME, VERSION = "tool", "1.2.3"
FOLDER = f"/{NAME}/{VERSION}"
SUMS = f"{FOLDER}/{NAME}_{VERSION}_SHA256SUMS"
_PADDING = bytes(range(256)) * 4000  # about 1 MB, stored: long enough to be cut in the middle


def script(says: str) -> bytes:
    """Return a program that prints `says`."""
    return f"#!/bin/sh\necho '{says}'\n".encode()


def archive_name(system: str = "", processor: str = "") -> str:
    """Return the archive's file name, by default for this machine."""
    here = cache.machine()
    return f"{NAME}_{VERSION}_{system or here[0]}_{processor or here[1]}.zip"


def archive(program: bytes, name: str = NAME) -> bytes:
    """Return a zip archive of about 1 MB with `program` in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("LICENSE.txt", _PADDING)
        opened.writestr(name, program)
    return buffer.getvalue()


class Publisher:
    """What is published (`files` by path), what was asked for (`asked`: path and Range), and its faults.

    `cut` ends the next answer for an archive after so many bytes; `ranges` says whether Range is understood;
    `gate` holds archives back until it is set, and `reached` is set when one is asked for. It publishes version
    1.2.3 of `tool` under `url`, signed by `key`.
    """

    def __init__(self, url: str, key: Tsk) -> None:
        self.url = url
        self.key = key
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.cut: int | None = None
        self.ranges = True
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.gate.set()
        self.publish(archive(script(f"{NAME} v{VERSION}, of today")))

    def publish(self, content: bytes) -> None:
        """Publish `content` as the archive of every machine, with signed checksums."""
        machines = ((s, p) for s in ("linux", "darwin", "windows") for p in ("amd64", "arm64"))
        names = [archive_name(*machine) for machine in machines]
        self.files |= {f"{FOLDER}/{name}": content for name in names}
        digest = hashlib.sha256(content).hexdigest()
        self.sign("".join(f"{digest}  {name}\n" for name in names).encode(), self.key)

    def sign(self, sums: bytes, key: Tsk) -> None:
        """Publish `sums` with a signature by `key`; the key on offer stays the publisher's own."""
        signature = sign(key.signer(), sums, mode=SignatureMode.DETACHED)
        self.files |= {SUMS: sums, f"{SUMS}.sig": signature}
        self.files["/key"] = str(self.key.extract_certificate()).encode()

    def program(self, *, go_package: str = "example.invalid/tool") -> Program:
        """Return the program `tool`, as Berth describes it."""
        fingerprint = self.key.extract_certificate().fingerprint.upper()
        keys = (f"{self.url}/no-key", f"{self.url}/key")
        return Program(
            name=NAME,
            version=VERSION,
            floor="1.2.0",
            package=go_package,
            module="nomad",
            homepage="https://example.invalid/install",
            version_args=("version",),
            release=Release(folder=f"{self.url}/{{name}}/{{version}}", fingerprint=fingerprint, key_urls=keys),
        )

    def archives_asked(self) -> list[str]:
        """Return the Range of each request for an archive."""
        return [range_ for path, range_ in self.asked if path.endswith(".zip")]


_INSTALL = """
import sys
from pathlib import Path
from scripts import cli
from scripts.ops.toolchain import order
from scripts.ops.progress import Progress
from scripts.ops.toolchain import releases
from scripts.ops.toolchain.programs import PROGRAMS, Program, Release
PROGRAMS["tool"] = eval(sys.argv[1])
releases.LOCK = Path(sys.argv[2])
cli.end_as_by_ctrl_c()
print(order.install(["tool"], Progress())["tool"])
"""


def start(publisher: Publisher) -> subprocess.Popen[str]:
    """Install `tool` in a process of its own."""
    argv = [sys.executable, "-c", _INSTALL, repr(publisher.program()), str(releases.LOCK)]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=dict(os.environ))


@contextmanager
def published(key: Tsk) -> Iterator[Publisher]:
    """Serve a publisher on a free port of 127.0.0.1."""
    server = _Server(("127.0.0.1", 0), _Handler)
    publisher = server.publisher = Publisher(f"http://127.0.0.1:{server.server_port}", key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield publisher
    finally:
        publisher.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    publisher: Publisher


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        publisher = self.server.publisher
        wanted = self.headers.get("Range", "")
        publisher.asked.append((self.path, wanted))
        content = publisher.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if self.path.endswith(".zip"):
            publisher.reached.set()
            publisher.gate.wait(30)
        self._answer(publisher, content, wanted if publisher.ranges else "")

    def _answer(self, publisher: Publisher, content: bytes, wanted: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", wanted)
        start = int(match[1]) if match else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if match else 200)
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content)
        if publisher.cut is not None and self.path.endswith(".zip"):
            end = start + publisher.cut
            publisher.cut = None
        self.wfile.write(content[start:end])

    def log_message(self, *_words: object) -> None:
        """Stay silent."""
