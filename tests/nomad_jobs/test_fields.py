"""Each field of a service by itself: one small file holds the field, and the HCL that it adds to the smallest service.

The files in tests/nomad_jobs/fields/ are a manual as much as a test: a person writes the first lines, and `make golden`
writes what comes out.
"""

import dataclasses
import difflib
from pathlib import Path

import pytest

from nginx.render import render_route
from nomad_jobs import model
from nomad_jobs.model import Container, Process, Route, Service, Size
from nomad_jobs.render import render_job
from tests.nomad_jobs.test_model import build
from tests.support.platforms import CLOUD, LAPTOP, test_pins

FIELDS = Path(__file__).parent / "fields"
FILES = sorted(FIELDS.glob("*.txt"))
PINS = test_pins("app:1", "app:2", "other:2")
BASE = build()


def made(platform: str, changes: str) -> str:
    """What the `changes` add: lines of the job, and the route's record."""
    where = {"laptop": LAPTOP, "cloud": CLOUD}[platform]
    service = build(**eval(f"dict({changes})", vars(model))).on(where.stack)
    before, after = (render_job(one, where, images=PINS).splitlines() for one in (BASE, service))
    added = [line[2:] for line in difflib.ndiff(before, after) if line.startswith("+ ") and "berth_form" not in line]
    record = [f"route: {render_route(service, where)}"] if service.route else []
    return "\n".join([*added, *record]) + "\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_field_makes_what_its_file_shows(file: Path, request: pytest.FixtureRequest) -> None:
    head, _, shown = file.read_text().partition("\n\n")
    platform, changes = head.split("\n", 1)
    out = made(platform.removeprefix("on: "), changes)
    if request.config.getoption("--golden"):
        file.write_text(f"{head}\n\n{out}")
    else:
        assert out == shown, f"{file.name} differs: run `make golden` and read the diff"


@pytest.mark.parametrize("of", [Service, Container, Process, Size, Route], ids=lambda of: of.__name__)
def test_every_field_has_a_file(of: type) -> None:
    assert dataclasses.is_dataclass(of)
    names = {field.name for field in dataclasses.fields(of)} - {"container", "process", "size", "sample"}
    assert names <= {file.stem for file in FILES}
