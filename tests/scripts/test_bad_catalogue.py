"""A catalogue with mistakes: the command names each in one line, all at once, exits 2 and writes nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.images import dump_lock
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Containers, Settings
from tests.support.platforms import CLOUD, test_pins

ROOT = Path(__file__).parents[2]
PACKAGES = ("infra", "nginx", "nomad_jobs", "scripts", "vault_policies")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the checkout, to make mistakes in it."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "go.sum")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    for stack in ("dev", "prod"):
        shutil.copy(ROOT / f"Pulumi.{stack}.yaml", tmp_path)
    return tmp_path


def render(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "scripts", "render", *options, "--out", str(checkout / "out")]
    state = {"BERTH_STATE_DIR": str(checkout / "state"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(argv, cwd=checkout, env=state, capture_output=True, text=True, timeout=60, check=False)


def add(checkout: Path, name: str, text: str, *, listed: bool = True) -> None:
    """Add a service as a user would: one file, one line in the catalogue."""
    (checkout / "nomad_jobs/services" / f"{name}.py").write_text(text)
    catalogue = checkout / "nomad_jobs/catalog.py"
    if listed:
        text = catalogue.read_text().replace("SERVICES = (", f"SERVICES = ({name.upper()}, ")
        line = f"from nomad_jobs.services.{name} import {name.upper()}\n"
        catalogue.write_text(text.replace('"""\n\n', f'"""\n\n{line}', 1))


def service(name: str, *, port: int = 8000, gpus: int = 0, host: str = "", more: str = "") -> str:
    variable = name.replace("-", "_").replace(" ", "_").upper()
    return f"""from nomad_jobs.model import (
    Check, Container, File, Gpus, Override, Peers, PoolKind, Port, Process, Route, Service, Size
)

{variable} = Service(
    name="{name}",
    summary="A test",
    container=Container(image="app:1"),
    process=Process(argv=("app",)),
    size=Size(gpus=Gpus(count={gpus}) if {gpus} else None),
    ports=(Port(container={port}),),
    checks=(Check(),),
    route=Route(host="{host or name.replace(" ", "-")}"),
    {more}
)
"""


def test_a_good_catalogue_renders(checkout: Path) -> None:
    add(checkout, "extra", service("extra"))
    done = render(checkout)
    assert done.returncode == 0, done.stderr
    assert (checkout / "out/jobs/extra.nomad.hcl").exists()


def test_mistakes_in_several_files_are_named_at_once(checkout: Path) -> None:
    add(checkout, "one", service("my app"))
    add(checkout, "two", service("two", port=0))
    add(checkout, "three", "THREE = undefined_name\n")
    add(checkout, "four", "FOUR = (\n", listed=False)
    add(checkout, "twin", service("twin", host="chat"))
    add(checkout, "greedy", service("greedy", gpus=9))
    done = render(checkout)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 8, done.stderr
    text = done.stderr
    assert "name 'my app' must be lower-case letters, digits and dashes" in text
    assert "port http is 0, but must be a whole number from 1 to 65535" in text
    assert "nomad_jobs/services/three.py:1: NameError: name 'undefined_name' is not defined" in text
    assert "four.py:1: SyntaxError" in text
    assert "2 services have the route host 'chat'" in text
    assert "service 'greedy' on local: asks for 9 GPUs, but a node of pool 'all' has 8" in text
    assert "service 'greedy' on dev: asks for 9 GPUs, but a node of pool 'app' has 0" in text
    assert "service 'greedy' on prod: asks for 9 GPUs, but a node of pool 'app' has 0" in text
    assert not (checkout / "out").exists()


def test_a_mistake_within_a_part_is_named_with_its_file_and_line(checkout: Path) -> None:
    parts = "from nomad_jobs.model import Secret, composed\n_KEY = Secret(name='key')\n"
    add(checkout, "typo", parts + 'TYPO = _KEY["vlaue"]\n', listed=False)
    add(checkout, "text", parts + 'TEXT = composed("{usr}", user=_KEY["value"])\n', listed=False)
    assert sorted(render(checkout).stderr.splitlines()) == [
        "error nomad_jobs/services/text.py:3, composed '{usr}': names 'usr', but its fields are user",
        "error nomad_jobs/services/typo.py:3, secret key: has no field 'vlaue', only value",
    ]


def test_every_stack_that_has_a_file_is_checked_whichever_is_rendered(checkout: Path) -> None:
    uses = 'files=(File(path="local/peers", parts=(Peers("base"),)),)'
    add(checkout, "base", service("base", more='overrides=(Override(stack="prod", absent=True),)'))
    add(checkout, "user", service("user", more=uses))
    add(checkout, "strange", service("strange", more='overrides=(Override(stack="staging", instances=2),)'))
    add(checkout, "idle", service("idle", more='overrides=(Override(stack="dev", instances=1),)'))
    add(checkout, "model", service("model", more="pool=PoolKind.GPU,"))
    done = render(checkout)
    assert done.returncode == 2
    assert sorted(done.stderr.splitlines()) == [
        "error service 'idle' on dev: its override changes nothing — remove it, or write what differs there",
        (
            "error service 'model' on dev: runs on pool 'gpu-h200', which has no nodes — "
            "give the pool nodes, or Override(stack='dev', instances=0) parks it"
        ),
        (
            "error service 'strange': has an override for stack 'staging', which does not exist — "
            "there is local, dev, prod; each but local has a Pulumi.<stack>.yaml"
        ),
        (
            "error service 'user' on prod: uses 'base', which is absent — "
            "let it be absent as well, or let what it uses be there"
        ),
    ]
    assert not (checkout / "out").exists()


def test_a_laptop_is_checked_while_a_cloud_stack_is_rendered(checkout: Path) -> None:
    add(checkout, "greedy", service("greedy", gpus=9))
    (checkout / "platform.json").write_text(CLOUD.to_json())
    assert (
        "service 'greedy' on local: asks for 9 GPUs" in render(checkout, "prod", "--platform", "platform.json").stderr
    )


def test_a_stack_file_that_cannot_be_read_is_named(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("config: [")
    file = checkout / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("instance_type: m7i.2xlarge", "instance_type: m7i.2xlrge"))
    done = render(checkout)
    assert done.returncode == 2
    broken, wrong = sorted(done.stderr.splitlines())
    assert broken.startswith("error Pulumi.dev.yaml: cannot be read: ")
    assert wrong.startswith("error Pulumi.prod.yaml, berth:pools[0] ('app'): Berth knows no instance type 'm7i.2xlrge'")


def add_what_needs_containers(checkout: Path) -> None:
    """Add a service without a process, and one that uses it."""
    uses = 'files=(File(path="local/peers", parts=(Peers("store"),)),)'
    add(checkout, "store", service("store").replace('    process=Process(argv=("app",)),\n', ""))
    add(checkout, "web", service("web", more=uses))


def test_a_service_without_a_laptops_form_is_skipped_and_what_uses_it_says_so(checkout: Path) -> None:
    add_what_needs_containers(checkout)
    done = render(checkout)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "web is not on this laptop: it uses 'store', which is left out",
        "store is not on this laptop: it has no process, and containers are off",
    ]
    rendered = {path.name.partition(".")[0] for path in (checkout / "out/jobs").iterdir()}
    assert {"chat", "ingress"} <= rendered
    assert not rendered & {"store", "web"}


def test_the_same_catalogue_runs_it_where_containers_are_on(checkout: Path) -> None:
    add_what_needs_containers(checkout)
    laptop = local_platform(Settings(containers=Containers()))
    (checkout / "platform.json").write_text(laptop.to_json())
    (checkout / "state").mkdir()
    images = [image for one in SERVICES for image in one.images]
    (checkout / "state" / "images.lock").write_text(dump_lock(test_pins("app:1", *images)))
    done = render(checkout, "local", "--platform", "platform.json")
    assert (done.returncode, done.stderr) == (0, "")
    rendered = {path.name.partition(".")[0] for path in (checkout / "out/jobs").iterdir()}
    assert {"chat", "ingress", "store", "web"} <= rendered


def test_a_cloud_stack_names_every_image_without_a_pin(checkout: Path) -> None:

    (checkout / "platform.json").write_text(CLOUD.to_json())
    done = render(checkout, "prod", "--platform", "platform.json")
    assert done.returncode == 2
    assert "image vllm/vllm-openai:v0.19.1: has no digest in images.lock" in done.stderr
    assert "`berth images pin llama-4-scout`" in done.stderr
    assert done.stderr.count("has no digest") == 5


def test_a_template_with_an_undefined_name_is_an_error_with_its_line(checkout: Path) -> None:
    template = checkout / "nomad_jobs/templates/identity.hcl.j2"
    template.write_text(template.read_text() + "[[ nowhere ]]\n")
    done = render(checkout)
    assert done.returncode == 2
    assert "identity.hcl.j2:" in done.stderr
    assert "'nowhere' is undefined" in done.stderr
    assert "Traceback" not in done.stderr
