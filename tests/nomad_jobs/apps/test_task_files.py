"""Programs that Nomad writes into a task stand alone: any Python from 3.8 on, and no template's marks."""

import ast
import sys

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import Source
from nomad_jobs.render import ROOT

PROGRAMS = {
    part.path
    for service in SERVICES
    for file in service.files
    for part in file.parts
    if isinstance(part, Source) and part.path.endswith(".py")
}


def test_the_probe_and_the_guard_are_such_programs() -> None:
    assert {"nomad_jobs/apps/probe.py", "nomad_jobs/apps/engine_keys.py"} <= PROGRAMS


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_it_stands_alone_and_passes_through_every_template_language(program: str) -> None:
    source = (ROOT / program).read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert not any(mark in source for mark in ("{{", "}}", "[[", "[%", "[#", "${", "%{"))
