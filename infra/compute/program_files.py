"""The programs that machines run: builds for Linux, found on the laptop and identified by their SHA-256."""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from infra.machine.facts import Download
from nomad_jobs.errors import ConfigError, raise_all

MACHINES = "machine.pyz"
"""The machines' own program (`infra.machine`), packed."""
AGENT_VERSIONS: Mapping[str, str] = {"consul": "1.20.2", "nomad": "1.11.1", "vault": "1.21.1"}
"""Versions that every machine runs; a test holds them equal to those that `berth tools` installs."""
DEVICE_PLUGIN = "nomad-device-nvidia"
DEVICE_PLUGIN_VERSION = "1.1.0"
"""Nomad's plugin for NVIDIA's GPUs; its releases: https://releases.hashicorp.com/nomad-device-nvidia."""
_MACHINE_OS = "linux_amd64"
_PACKED = (
    "infra/__init__.py",
    "infra/agents/__init__.py",
    "nomad_jobs/__init__.py",
    "nomad_jobs/mounts.py",
    "vault_policies/__init__.py",
    "vault_policies/holders.py",
)
_START = "from infra.machine.__main__ import main\n\nmain()\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramFile:
    """A program on this machine's disk."""

    name: str
    version: str
    path: Path
    sha256: str

    @property
    def key(self) -> str:
        """Its key in the bucket: other bytes get another key, so an object never changes under a running machine."""
        return f"programs/{self.name}/{self.version}/{self.sha256}"

    @property
    def download(self) -> Download:
        """What a machine needs to fetch it."""
        return Download(key=self.key, sha256=self.sha256)


def gather(*, needs_gpus: bool, folder: Path | None = None) -> tuple[ProgramFile, ...]:
    """Find the agents for Linux in `folder` (by default Berth's cache), and pack the machines' own program.

    Raises:
        ConfigError: (or ManyErrors) a program is not there; the message says how to get it.

    """
    wanted = {**AGENT_VERSIONS, **({DEVICE_PLUGIN: DEVICE_PLUGIN_VERSION} if needs_gpus else {})}
    root = folder or installed()
    paths = {name: root / name / f"{version}_{_MACHINE_OS}" / name for name, version in wanted.items()}
    raise_all(_missing(name, wanted[name], path) for name, path in paths.items() if not path.is_file())
    found = [_file(name, wanted[name], path) for name, path in paths.items()]
    return (*found, _packed(root / "machine"))


def installed() -> Path:
    """Give the folder in which `berth tools` puts programs."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "berth" / "programs"


def pack() -> bytes:
    """Pack the machines' own program: the same bytes wherever it is packed (so nothing is compressed)."""
    files = {"__main__.py": _START.encode(), **{path: _read(path) for path in _packed_paths()}}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path), text)
    return packed.getvalue()


def _missing(name: str, version: str, path: Path) -> ConfigError:
    if name == DEVICE_PLUGIN:
        page = f"https://releases.hashicorp.com/{name}/{version}"
        fix = f"download it from {page}, check it against its signed SHA256SUMS, and put it at {path}"
    else:
        fix = f"run `berth tools install` on Linux; elsewhere put the release for Linux at {path}"
    return ConfigError(name, f"machines need version {version} for {_MACHINE_OS}, but {path} is missing", fix)


def _file(name: str, version: str, path: Path) -> ProgramFile:
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return ProgramFile(name=name, version=version, path=path, sha256=digest)


def _packed(folder: Path) -> ProgramFile:
    """Put the packed program beside the others, under its digest."""
    data = pack()
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}.pyz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return ProgramFile(name=MACHINES, version="1", path=path, sha256=digest)


def _packed_paths() -> Iterable[str]:
    yield from _PACKED
    for folder, pattern in (
        ("infra/machine", "*.py"),
        ("infra/holdings", "*.py"),
        ("infra/machine/units", "*"),
        ("infra/agents/policies", "*.hcl"),
        ("vault_policies/rules", "*.hcl"),
    ):
        found = _root().parent.joinpath(folder).glob(pattern)
        yield from sorted(f"{folder}/{path.name}" for path in found if path.is_file())


def _root() -> Path:
    return Path(str(resources.files("infra")))


def _read(path: str) -> bytes:
    return (_root().parent / path).read_bytes()
