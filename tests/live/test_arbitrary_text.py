"""Whatever a value holds comes out as data: rendered, read back by the real programs, and equal."""

import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nomad_jobs.images import Pins
from nomad_jobs.model import Env, File, Process, Secret
from nomad_jobs.render import render_job
from nomad_jobs.text import consul_template
from scripts.ops.nomad import Nomad
from scripts.ops.toolchain import resolve
from tests.nomad_jobs.test_model import build
from tests.support.platforms import LAPTOP

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("platform")]

TRICKY = [
    "${",
    "$${",
    "%{",
    "%%{",
    "{{",
    "}}",
    "{",
    '"',
    "'",
    "\\",
    "\n",
    "\r",
    "\t",
    "EOT",
    "\nEOT\n",
    ";",
    "}",
    "*/",
    "`",
    "\u2028",
]
TEXT = st.lists(
    st.one_of(st.sampled_from(TRICKY), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)),
    max_size=8,
).map("".join)
COMPOSED = TEXT.map(lambda text: unicodedata.normalize("NFC", text))
"""Words of a command line and variables: the model refuses others, which HCL would compose."""
LIVE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LIVE
@given(value=COMPOSED, argument=COMPOSED, content=TEXT)
def test_nomad_reads_back_what_was_put_in(nomad: Nomad, value: str, argument: str, content: str) -> None:
    service = build(
        process=Process(argv=("app", argument)),
        env=(Env(name="VALUE", value=value),),
        files=(File(path="local/file", parts=(content,)),),
    )
    job = nomad.parse(render_job(service, LAPTOP, images=Pins()))
    task = job["TaskGroups"][0]["Tasks"][0]
    assert task["Env"]["VALUE"] == value
    assert task["Config"]["args"] == [argument]
    assert task["Templates"][0]["EmbeddedTmpl"] == consul_template(content)
    assert [job["ID"], len(job["TaskGroups"]), len(task["Templates"])] == ["app", 1, 1]


@LIVE
@given(content=TEXT, tail=TEXT)
def test_consul_template_writes_back_what_was_put_in(tmp_path: Path, content: str, tail: str) -> None:
    (tmp_path / "in").write_text(consul_template(content) + '{{ "-" }}' + consul_template(tail), newline="")
    argv: list[Any] = [resolve("consul-template"), "-once", "-template", f"{tmp_path}/in:{tmp_path}/out"]
    (tmp_path / "out").unlink(missing_ok=True)
    subprocess.run(argv, check=True, capture_output=True, timeout=20)
    assert (tmp_path / "out").read_bytes().decode() == f"{content}-{tail}"


def test_a_secret_reference_is_no_text_and_stays_an_action(nomad: Nomad) -> None:
    key = Secret(name="key")
    service = build(files=(File(path="secrets/key", parts=("{", key["value"], "}")),))
    job = nomad.parse(render_job(service, LAPTOP, images=Pins(), versions={"app/key": 7}))
    text = job["TaskGroups"][0]["Tasks"][0]["Templates"][0]["EmbeddedTmpl"]
    assert text.count('{{ with secret "secret/data/default/app/key?version=7" }}') == 1
    assert job["Meta"]["berth_secret_app/key"] == "7"  # noqa: S105 - a version number
