"""Measures the first start: a fresh clone with empty caches, until the table of services. Half an hour, 15 GB.

It also writes scripts/toolchain/costs.json, from which a first start foretells how long it takes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import page
from bench.rows import Row, seconds, table
from scripts.ops.local import processes
from scripts.ops.toolchain.forecast import COSTS
from scripts.ops.toolchain.programs import LAPTOP, PROGRAMS
from tests.support.laptop import free_ports

_ROOT = Path(__file__).parent.parent
_DONE = re.compile(r"^✓ ((?:fetch|build) \S+) .*?([\d.]+) s$", re.MULTILINE)
_LARGE_S = 1.0
"""A package that took less is counted like any other."""
_TITLE = "The first start, with nothing cached"


def main() -> None:
    """Start with nothing, then again with the programs there; compare the two builds of Vault; write what was found."""
    with _clone() as clone, free_ports() as ports:
        words = [word for name, number in ports.items() for word in ("--port", f"{name}={number}")]
        setup = seconds(lambda: clone.run("make", "setup"))
        up = seconds(lambda: clone.berth("up", *words))
        steps = clone.steps()
        minimal_mb, disk_gb = clone.vault_mb(), clone.go_gb()
        clone.berth("down", "--destroy", "--yes")
        warm = seconds(lambda: clone.berth("up", *words))
        clone.berth("down", "--destroy", "--yes")
        rows = [
            _row("fresh clone to the table of services", setup + up, "s", "780 s"),
            _row("of it: the Python libraries, and the outlook", setup, "s"),
            *(_row(f"of it: {name}", took, "s") for name, took in steps.items()),
            _row("of it on the disk: Go's sources and its cache", disk_gb, "GB"),
            _row("the same with the programs there", warm, "s", "45 s"),
            *_vaults(clone, words, minimal_mb),
        ]
        clone.berth("tools", "install", *PROGRAMS)
        _write_costs(clone.graphs, clone.steps(), total_s=setup + up, disk_gb=disk_gb)
    text = table(rows)
    sys.stdout.write(text)
    page.write("make bench-cold", {_TITLE: text})


@dataclass(kw_only=True, slots=True)
class _Clone:
    """A clone of the last commit, in whose runs every cache is empty at first."""

    folder: Path
    env: Mapping[str, str]
    graphs: Path
    state: Path
    said: str = ""

    def run(self, *argv: str) -> None:
        """Run a command in the clone, and show what it says."""
        with subprocess.Popen(argv, cwd=self.folder, env=self.env, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr or ():
                self.said += line
                sys.stderr.write(line)
        if process.returncode:
            raise RuntimeError(f"{' '.join(argv)} ended with {process.returncode}")

    def berth(self, *words: str) -> None:
        self.run(".venv/bin/berth", *words)

    def steps(self) -> dict[str, float]:
        """Give the seconds of each fetch and each build so far, as they were shown."""
        return {name: float(took) for name, took in _DONE.findall(self.said)}

    def go_gb(self) -> float:
        """Give the size of Go's caches on the disk."""
        folders = (Path(self.env[name]) for name in ("GOCACHE", "GOMODCACHE"))
        return sum(_size(file) for folder in folders for file in folder.rglob("*")) / 1e9

    def vault_mb(self) -> float:
        """Give the memory of the running Vault: its share of what it maps."""
        ours = [
            one
            for one in processes.of_state(self.state)
            if (program := processes.program(one)) and program.name == "vault"
        ]
        return sum(one.memory_full_info().pss for one in ours) / 1e6


def _size(file: Path) -> int:
    return file.lstat().st_blocks * 512


def _vaults(clone: _Clone, words: list[str], minimal_mb: float) -> Iterator[Row]:
    """Boot once more with the full build first on PATH, and compare."""
    clone.berth("tools", "install", "vault")
    full = _program(clone, "vault")
    clone.env = {**clone.env, "PATH": f"{full.parent}{os.pathsep}{clone.env['PATH']}"}
    clone.berth("up", *words)
    full_mb = clone.vault_mb()
    clone.berth("down", "--destroy", "--yes")
    for what, path, memory_mb in (
        ("a minimal Vault", _program(clone, "vault-minimal"), minimal_mb),
        ("a full Vault", full, full_mb),
    ):
        yield _row(f"{what} on the disk", path.stat().st_size / 1e6, "MB")
        yield _row(f"{what} on a served laptop, memory (PSS)", memory_mb, "MB")


def _program(clone: _Clone, name: str) -> Path:
    (found,) = Path(clone.env["XDG_CACHE_HOME"]).glob(f"berth/programs/{name}/*/vault")
    return found


@contextmanager
def _clone() -> Iterator[_Clone]:
    go = shutil.which("go")
    with tempfile.TemporaryDirectory(prefix="berth-cold-") as name:
        root = Path(name)
        subprocess.run([shutil.which("git") or "git", "clone", "-q", _ROOT, root / "clone"], check=True)
        graphs, bin_dir = root / "graphs", root / "bin"
        for folder in (graphs, bin_dir):
            folder.mkdir()
        if go:
            _watch(go, bin_dir / "go", graphs)
        env = {
            **{key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "CI"}},
            "PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(root / "cache"),
            "UV_CACHE_DIR": str(root / "cache" / "uv"),
            "PIP_CACHE_DIR": str(root / "cache" / "pip"),
            "GOCACHE": str(root / "cache" / "go-build"),
            "GOMODCACHE": str(root / "cache" / "go-mod"),
            "BERTH_STATE_DIR": str(root / "state"),
        }
        try:
            yield _Clone(folder=root / "clone", env=env, graphs=graphs, state=root / "state")
        finally:
            if go:
                subprocess.run([go, "clean", "-modcache"], env=env, check=False)  # it makes its sources read-only


def _watch(go: str, wrapper: Path, graphs: Path) -> None:
    """Put a `go` first on PATH that also writes how long each package took."""
    graph = f'"-debug-actiongraph={graphs}/$$.json"'
    wrapper.write_text(f'#!/bin/sh\n[ "$1" = build ] || exec {go} "$@"\nshift\nexec {go} build {graph} "$@"\n')
    wrapper.chmod(0o755)


def _write_costs(graphs: Path, steps: Mapping[str, float], *, total_s: float, disk_gb: float) -> None:
    """Keep what every program took; a machine where releases can be reached builds few and learns nothing."""
    programs = {name: steps[f"build {name}"] for name in PROGRAMS if f"build {name}" in steps}
    if not programs.keys() >= set(LAPTOP):
        return
    laptop_s = sum(programs[name] for name in LAPTOP)
    actions = [action for graph in graphs.glob("*.json") for action in _commands(graph)]
    small = [took for _, _, took in actions if took < _LARGE_S]
    costs = {
        "cores": psutil.cpu_count(),
        "disk_gb": round(disk_gb, 1),
        "first_start_s": round(total_s - laptop_s, 1),
        "other_package_s": round(sum(small) / len(small), 3),
        "packages": _large(actions),
        "programs": programs,
        "wall_per_processor_s": round(sum(programs.values()) / sum(took for _, _, took in actions), 3),
    }
    COSTS.write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")


def _commands(graph: Path) -> list[tuple[str, str, float]]:
    """Give package, mode (build or link) and processor seconds of each command that one build ran."""
    actions = [action for action in json.loads(graph.read_text()) if action.get("Cmd")]
    return [
        (action["Package"], action["Mode"], (action.get("CmdUser", 0) + action.get("CmdSys", 0)) / 1e9)
        for action in actions
    ]


def _large(actions: Iterable[tuple[str, str, float]]) -> dict[str, float]:
    """Give the seconds of each large package, with its linking; of two versions of a package the slower one counts."""
    slowest: dict[tuple[str, str], float] = {}
    for package, mode, took in actions:
        slowest[package, mode] = max(took, slowest.get((package, mode), 0.0))
    sums: dict[str, float] = defaultdict(float)
    for (package, _), took in slowest.items():
        sums[package] += took
    return {package: round(took, 1) for package, took in sorted(sums.items()) if took >= _LARGE_S}


def _row(what: str, value: float, unit: str, promise: str = "") -> Row:
    return Row(what=what, values=(value,), unit=unit, promise=promise)


if __name__ == "__main__":
    main()
