"""What the documents name is there: paths, functions, tests, links, decisions, and the order of imports."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES_FILES = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAYERS = next(one["layers"] for one in CONTRACTS if one["name"] == "facts, then pure rendering, then effects")
IN_ORDER = [name for layer in reversed(LAYERS) for name in layer.split(" | ")]
"""Our folders, each after those that it may import."""
ROOMS = {"infra", "nomad_jobs", "scripts/ops"}
"""Folders whose own folders the code map must name."""


def named(document: Path) -> list[str]:
    """References between backquotes: a path, or `path:name` of something in that file."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    return [one for one in spans if _is_path(one.partition(":")[0])]


def _is_path(text: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+(/[\w.-]*)+", text)) or (ROOT / text).is_file()


def members(path: Path) -> set[str]:
    """Names in a file: functions, classes and `Class.method`; functions of a script; contracts of pyproject.toml."""
    if path.name == "pyproject.toml":
        return {one["name"] for one in CONTRACTS}
    if path.suffix != ".py":
        return set(re.findall(r"^(\w+)\(\) *\{", path.read_text(), re.MULTILINE))
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    top = [node for node in ast.parse(path.read_text()).body if isinstance(node, defined)]
    inner = [(one.name, node.name) for one in top for node in one.body if isinstance(node, defined)]
    return {one.name for one in top} | {f"{outer}.{name}" for outer, name in inner}


def lacking(reference: str) -> bool:
    path, _, member = reference.partition(":")
    return not (ROOT / path).exists() or bool(member and member not in members(ROOT / path))


@pytest.mark.parametrize("document", NAMES_FILES, ids=lambda path: path.name)
def test_every_path_function_and_test_that_is_named_exists(document: Path) -> None:
    found = named(document)
    assert len(found) > 5
    assert [one for one in found if lacking(one)] == []


def test_the_services_in_the_text_about_images_are_those_that_tests_run() -> None:
    """Line by line, without indentation: what a reader copies has run."""
    text = (ROOT / "docs" / "images.md").read_text()
    runs = stripped((ROOT / "tests/support/public_services.py").read_text())
    blocks = [stripped(block) for block in re.findall(r"```(?:python|text)\n(.*?)\n *```", text, re.DOTALL)]
    assert len(blocks) == 6
    assert [block for block in blocks if block not in runs] == []


def stripped(text: str) -> str:
    return "".join(f"{line.strip()}\n" for line in text.splitlines())


def test_a_name_that_is_gone_would_be_found() -> None:
    assert lacking("nginx/render.py:no_such_function")
    assert lacking("nginx/apply.sh:no_such_function")
    assert lacking("nginx/no_such_file.py")
    assert not lacking("nginx/apply.sh:confirm")


def test_every_step_names_who_does_it() -> None:
    steps = re.findall(r"^\d+\. .*?(?=^\d+\. |^#|\Z)", NAMES_FILES[0].read_text(), re.MULTILINE | re.DOTALL)
    assert len(steps) > 25
    assert [step for step in steps if not re.search(r"`[\w/]+\.[\w.]+", step)] == []


def test_every_invariant_names_its_test() -> None:
    _, *invariants = NAMES_FILES[0].read_text().split("**Architecture invariant:**")
    assert len(invariants) > 15
    assert [one for one in invariants if not re.search(r"`(tests/\S+:test_|pyproject\.toml:)", one)] == []


def test_the_code_map_names_every_room() -> None:
    rooms = {Path(path).parts for path in _tracked("*/__init__.py", "nomad_jobs/templates/*")}
    wanted = {"/".join(parts[:-1]) for parts in rooms if "/".join(parts[:-2]) in ROOMS}
    named_rooms = {one.rstrip("/") for one in named(NAMES_FILES[0])}
    assert wanted - named_rooms == set()


@pytest.mark.parametrize("document", [ROOT / "README.md", NAMES_FILES[0]], ids=lambda path: path.name)
def test_folders_are_listed_in_the_order_of_their_imports(document: Path) -> None:
    listed = re.findall(r"^(?:- `)?(\w+)/`? ", document.read_text(), re.MULTILINE)
    assert [name for name in listed if name in IN_ORDER] == IN_ORDER


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_decision_is_in_the_index_once() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    decisions = sorted(path.name for path in (ROOT / "docs" / "adr").glob("0*.md"))
    assert re.findall(r"\]\((0\d+-[\w-]+\.md)\)", index) == decisions
    titles = [(ROOT / "docs" / "adr" / name).read_text().split("\n", 1)[0] for name in decisions]
    assert [title for number, title in enumerate(titles, start=1) if not title.startswith(f"# {number}. ")] == []


def _tracked(*patterns: str) -> list[str]:
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
