"""Facts about the machines' programs that are written in two places, because infra must not import scripts."""

from infra.compute.program_files import AGENT_VERSIONS, installed
from scripts.ops.toolchain import cache
from scripts.ops.toolchain.programs import PROGRAMS


def test_machines_run_the_versions_that_berth_installs() -> None:
    assert dict(AGENT_VERSIONS) == {name: PROGRAMS[name].version for name in AGENT_VERSIONS}


def test_programs_are_looked_for_where_berth_installs_them() -> None:
    assert installed() == cache.root() / "programs"
    assert cache.home(PROGRAMS["nomad"]).parent.parent == installed()
