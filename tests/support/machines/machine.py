"""One instance: namespaces that end with its process, and a folder with its own view of the disk."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.machines.network import WITH_US, Network

_ROOT = Path(__file__).parents[3]


@dataclass(kw_only=True)
class Machine:
    """An instance that runs."""

    instance: str
    address: str
    folder: Path
    network: Network
    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, instance: str, address: str, folder: Path, network: Network, spec: dict[str, Any]) -> "Machine":
        """Boot the machine; `spec` is what `tests.support.machines.init` reads."""
        (folder / "spec.json").write_text(json.dumps({**spec, "folder": str(folder)}))
        own = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        init = (sys.executable, "-m", "tests.support.machines.init", str(folder / "spec.json"))
        with network.join(address).inside(), (folder / "console.log").open("w") as console:
            process = subprocess.Popen(
                (*WITH_US, *own, *init),
                stdout=console,
                stderr=subprocess.STDOUT,
                text=True,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)},
            )
        return cls(instance=instance, address=address, folder=folder, network=network, process=process)

    def run(self, *argv: str) -> str:
        """Run a program inside, as root."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        enter = ("/usr/bin/nsenter", "--target", children[0], "--mount", "--net", "--pid")
        done = subprocess.run((*enter, *argv), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{argv} in {self.instance}: {done.stdout}{done.stderr}"
        return done.stdout

    def log(self, unit: str) -> str:
        """Read a unit's log."""
        path = self.folder / "upper" / "var-log" / f"{unit}.service.log"
        return path.read_text() if path.exists() else ""

    def tell(self, metadata: dict[str, str]) -> None:
        """Change what its metadata service answers."""
        file = self.folder / "imds.json"
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({**json.loads(file.read_text()), **metadata}))
        fresh.replace(file)

    def end(self) -> None:
        """Switch the machine off, as a power cut does."""
        self.process.kill()
        self.process.wait()
        self.network.leave(self.address)
