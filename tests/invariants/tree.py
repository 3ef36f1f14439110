"""The files of this repository, as git lists them: tracked ones, and new ones that it does not ignore."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
GIT = shutil.which("git") or "git"


def tracked(*patterns: str) -> list[Path]:
    argv = [GIT, "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))
