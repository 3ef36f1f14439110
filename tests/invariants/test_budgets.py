"""Sizes that keep the code readable, and facts that have one home."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.catalog import SERVICES
from tests.invariants.tree import ROOT, named, tracked

FILE_LINES = 250
FUNCTION_LINES = 40
TEMPLATE_LINES = 60
README_LINES = 120
PYTHON = tracked("*.py")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function, its docstring left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.name, (node.end_lineno or 0) - first.lineno + 1


def test_files_stay_short() -> None:
    long = {named(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: lines for name, lines in long.items() if lines > FILE_LINES} == {}


def test_functions_stay_short() -> None:
    long = [f"{named(path)}:{name} {n}" for path in PYTHON for name, n in functions(path) if n > FUNCTION_LINES]
    assert long == []


def test_templates_stay_short() -> None:
    jobs = {path.name: len(path.read_text().splitlines()) for path in tracked("nomad_jobs/templates/*")}
    assert {name: lines for name, lines in jobs.items() if lines > TEMPLATE_LINES} == {}
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_nothing_names_this_machine_or_its_tools() -> None:
    words = re.compile(r"/work/|/root/|\bshared/|farm-|\.library")
    found = [
        f"{named(path)}: {line.strip()}"
        for path in tracked()
        if path.suffix not in {".sum", ".png"} and path != Path(__file__)
        for line in path.read_text(errors="replace").splitlines()
        if words.search(line)
    ]
    assert found == []


def test_every_service_file_is_in_the_catalogue() -> None:
    files = {path.stem for path in tracked("nomad_jobs/services/*.py")} - {"__init__"}
    assert files == {service.name.replace("-", "_") for service in SERVICES}


@pytest.mark.parametrize("path", tracked("tests/golden/*.hcl"), ids=lambda path: path.name)
def test_no_policy_has_a_wildcard(path: Path) -> None:
    assert not re.search(r'^\s*path "[^"]*\*', path.read_text(), re.MULTILINE)
