"""The machines' program runs on what Amazon Linux 2023 has by itself: Python 3.9, and no package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULES = [
    *sorted(path for folder in ("machine", "holdings") for path in (ROOT / "infra" / folder).glob("*.py")),
    ROOT / "vault_policies" / "holders.py",
]
OURS = ("infra.machine", "infra.holdings", "nomad_jobs.mounts", "vault_policies")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.startswith(OURS) or name.split(".")[0] in sys.stdlib_module_names, name


def test_it_is_written_in_python_3_9(tmp_path: Path) -> None:
    argv = (
        sys.executable,
        "-m",
        "mypy",
        "--python-version",
        "3.9",
        "--cache-dir",
        str(tmp_path),
        "infra/machine",
        "infra/holdings",
        "vault_policies/holders.py",
    )
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
