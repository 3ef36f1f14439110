"""Any text in a value stays data: the real programs read it back from what is rendered, and it is equal."""

import json
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nomad_jobs.images import Pins
from nomad_jobs.model import Check, Env, File, Port, Process, Secret, Service, Size
from nomad_jobs.platform import Platform
from nomad_jobs.registry import app_container
from nomad_jobs.render import render_job
from nomad_jobs.text import consul_template, driver_text
from scripts.ops.clients.nomad import Nomad
from scripts.ops.clients.target import Target
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.toolchain.order import resolve
from tests.nomad_jobs.test_model import build
from tests.support.laptop import Laptop
from tests.support.platforms import LAPTOP, test_pins

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("front-door")]

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
WITH_CONTAINERS = local_platform(Settings(containers=Containers()))
LIVE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("rendered_for", [LAPTOP, WITH_CONTAINERS], ids=lambda one: one.driver.value)
@LIVE
@given(value=COMPOSED, argument=COMPOSED, content=TEXT)
def test_nomad_reads_back_what_was_put_in(
    nomad: Nomad, rendered_for: Platform, value: str, argument: str, content: str
) -> None:
    container = app_container("bot-detector", ("app", argument))
    service = build(
        container=container,
        process=Process(argv=container.argv),
        env=(Env(name="VALUE", value=value),),
        files=(File(path="local/file", parts=(content,)),),
    )
    job = nomad.parse(render_job(service, rendered_for, images=test_pins(container.image)))
    task = job["TaskGroups"][0]["Tasks"][0]
    assert task["Env"].get("VALUE") == (None if "${" in value else value)
    config = task["Config"]
    argv = config["args"] if rendered_for.runs_containers else [config["command"], *config["args"]]
    assert argv == ["app", driver_text(argument)]
    assert task["Templates"][-1]["EmbeddedTmpl"] == consul_template(content)
    assert [job["ID"], len(job["TaskGroups"]), len(task["Templates"])] == ["app", 1, 1 + ("${" in value)]


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
    assert set(job["Meta"]) == {"berth_stack", "berth_form"}


ALL_TRICKS = [
    *TRICKY,
    "%{http_code}",
    "${HOME}",
    "$${HOME}",
    "$$${x}",
    "${",
    "%%{if}",
    '${env["HOME"]}',
    "$",
    "%",
    "{{ key }}",
]
WORDS = st.lists(COMPOSED.filter(lambda word: "\0" not in word), min_size=20, max_size=40)
RUN = """
import json, os, sys
os.chdir(os.environ["NOMAD_TASK_DIR"])
with open("received.json", "w") as file:
    json.dump({"argv": sys.argv[1:], "env": {k: v for k, v in os.environ.items() if k[0] == "V"}}, file)
os.execvp("python3", ["python3", "-m", "http.server", "--bind", os.environ["BERTH_BIND"],
                      os.environ["NOMAD_PORT_http"]])
"""
FILLED = ("${NOMAD_PORT_http}", "a ${NOMAD_JOB_ID} b", "$${NOMAD_JOB_ID}", "%${NOMAD_JOB_ID}%{x}${BERTH_STACK}${x}")


@pytest.mark.both_drivers
def test_a_task_receives_what_the_catalogue_says(target: Target, platform: Laptop) -> None:
    @settings(max_examples=2, deadline=None, phases=[Phase.generate])
    @given(words=WORDS)
    def received_as_given(words: list[str]) -> None:
        _check_received([*ALL_TRICKS, *words], target, platform)

    received_as_given()  # its own function, so that what fails is shown without the platform's tokens


def _check_received(words: list[str], target: Target, platform: Laptop) -> None:
    contents = [word for word in words if word]
    argv = ("python3", "-c", RUN, *words, *FILLED)
    service = Service(
        name="test-received",
        summary="A test",
        container=app_container("bot-detector", argv),
        process=Process(argv=argv),
        size=Size(starts_within_s=20),
        ports=(Port(container=8000),),
        checks=(Check(path="/received.json", interval_s=1),),
        env=tuple(Env(name=f"V{at}", value=word) for at, word in enumerate((*words, *FILLED))),
        files=tuple(File(path=f"local/files/{at}", parts=(word,)) for at, word in enumerate(contents)),
    )
    try:
        platform.deploy(service)
        folder = platform.task_folder(service.name)
        received = json.loads((folder / "local" / "received.json").read_text())
        (address,) = target.consul.instances(service.name)
        inside = str(service.ports[0].container) if platform.platform.runs_containers else address.rpartition(":")[2]
        filled = [inside, "a test-received b", "$test-received", "%test-received%{x}local${x}"]
        assert received["argv"] == [*words, *filled]
        assert [received["env"][f"V{at}"] for at in range(len(words) + len(filled))] == [*words, *filled]
        files = [(folder / "local" / "files" / str(at)).read_bytes().decode() for at in range(len(contents))]
        assert files == contents
    finally:
        target.nomad.stop(service.name, purge=True)
