"""The first process of a machine: makes its disk, serves its metadata, does cloud-init's part, then reaps processes."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

_OVERLAID = ("/etc", "/opt", "/usr/local", "/var/log")
_FRESH = ("/run", "/data")
_STAND_INS = Path(__file__).parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    _mounts(Path(spec["folder"]), Path(spec["data"]), Path(spec["programs"]))
    _files(spec)
    serve = ThreadingHTTPServer(("169.254.169.254", 80), _metadata(Path(spec["folder"]) / "imds.json"))
    threading.Thread(target=serve.serve_forever, daemon=True).start()
    _cloud_init(yaml.safe_load(Path(spec["user_data"]).read_text()))
    print("booted", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            threading.Event().wait(0.2)


def _mounts(folder: Path, data: Path, programs: Path) -> None:
    """Overlay the machine's own disk on this machine's, and mount the volume that outlives it at /data."""
    run("mount", "--make-rprivate", "/")
    run("umount", "--lazy", "/sys")  # with its own cgroups: Nomad changes those that it sees mounted
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    for path in _OVERLAID:
        upper, work = (folder / kind / path.strip("/").replace("/", "-") for kind in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={work}", path)
    for path in _FRESH:
        Path(path).mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("mount", "--bind", str(data), "/data")
    Path("/opt/programs").mkdir()
    run("mount", "--bind", str(programs), "/opt/programs")


def _files(spec: dict[str, Any]) -> None:
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for ip, name in spec["hosts"]))
    Path("/etc/nsswitch.conf").write_text("hosts: files\n")
    with Path("/etc/ssl/certs/ca-certificates.crt").open("a") as trusted:
        trusted.write(Path(spec["authority"]).read_text())
    for name in ("systemctl", "aws"):
        stand_in = Path("/usr/local/sbin") / name
        root = _STAND_INS.parents[2]
        stand_in.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} {_STAND_INS}/{name}.py "$@"\n')
        stand_in.chmod(0o755)


def _cloud_init(config: dict[str, Any]) -> None:
    """Do what cloud-init does with the keys that Berth writes."""
    known = {"users", "disable_root", "ssh_pwauth", "packages", "write_files", "runcmd"}
    assert set(config) <= known, f"this stand-in does not know {set(config) - known}"
    for file in config["write_files"]:
        path = Path(file["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"])
        path.chmod(int(file["permissions"], 8))
    for argv in config["runcmd"]:
        if argv[0] != "sysctl":  # the port range of the whole machine is not for a test to set
            run(*argv)


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"})


def _metadata(file: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """The instance metadata service, version 2, with what the test wrote into `file`."""

        def do_PUT(self) -> None:
            self._answer(200, "token")

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") != "token":
                self._answer(401, "")
                return
            values = json.loads(file.read_text())
            found = values.get(self.path.removeprefix("/latest/"))
            self._answer(404 if found is None else 200, found or "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler


if __name__ == "__main__":
    main()
