"""The wheels inside an image: which ones `uv.lock` pins for it, and their files."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.build import steps
from scripts.ops.build.context import ROOT

_PYTHON = "3.11"
"""The Python of the base: Debian 12's."""
_PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""What glibc 2.36 can load, newest first."""
_INSTALLER = "pip"


def requirements(groups: Sequence[str], *, has_berth: bool = False) -> str:
    """Read from `uv.lock` what these dependency groups need, one pinned version with its hashes each.

    `has_berth` adds what `berth` itself needs. Without either the text is empty.
    """
    if not groups and not has_berth:
        return ""
    option = "--group" if has_berth else "--only-group"
    argv = [str(_uv()), "export", "--frozen", "--quiet", "--no-emit-project", "--no-header", "--no-annotate"]
    words = ["--no-default-groups", *(word for group in groups for word in (option, group))]
    return steps.run(f"wheels of {', '.join(groups)}", [*argv, *words], cwd=ROOT)


def fetch(where: str, wanted: str, folder: Path) -> None:
    """Put the wheels that `wanted` names, and the installer's own, into `folder`, each checked against its hash.

    Raises:
        BerthError: the package index cannot be reached, or serves other bytes than `uv.lock` names.

    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requirements.txt").write_text(wanted, encoding="utf-8")
    with_pip = folder / "with-pip.txt"
    with_pip.write_text(wanted + _installer(), encoding="utf-8")
    platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version", _PYTHON, *platforms]
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *options]
    steps.run(f"{where}: wheels", [*argv, "--dest", folder, "--requirement", with_pip])
    with_pip.unlink()
    _take_installer(where, folder)


def _installer() -> str:
    """Give the pinned line of pip, which installs the others and stays behind in its own stage."""
    return requirements(["image-installer"])


def _take_installer(where: str, folder: Path) -> None:
    """Give pip's wheel a name without a version, so that the Dockerfile need not know it."""
    found = list(folder.glob(f"{_INSTALLER}-*.whl"))
    if len(found) != 1:
        raise BerthError(where, f"there are {len(found)} wheels of pip", "it is pinned in the group image-installer")
    shutil.copyfile(found[0], folder / f"{_INSTALLER}.whl")


def _uv() -> Path:
    found = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".berth" / "uv" / "bin"))
    if found is None:
        raise ConfigError("uv", "is not here", "run `make setup`")
    return Path(found)
