"""What Docker keeps of a container with secrets: of files nothing, of a variable what docs/access.md says."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.model import Env, File, Secret, json_file
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import allocations, container, inspected, running, shell
from tests.support.leaks import places
from tests.support.leaks.forms import Wanted

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

JOB = "test-leaks"
KEY = Secret(name="key", fields=("variable", "json", "plain", "mounted", "followed"))
CONTROL = 'ControlThatMustBeFound/+"7'
FILES = (
    json_file("secrets/key.json", {"key": KEY["json"]}),
    File(path="secrets/plain", parts=(KEY["plain"].raw,)),
    File(path="secrets/mounted", parts=(KEY["mounted"].raw,), mounted_at="/etc/app/key"),
    json_file("secrets/followed.json", {"key": KEY["followed"]}, is_reread=True),
)
ENV = (Env(name="KEY", value=KEY["variable"]), Env(name="CONTROL", value=CONTROL))
READS = 'cat /secrets/key.json /secrets/plain /etc/app/key /secrets/followed.json >/dev/null && echo "$CONTROL"'


@pytest.fixture(scope="module", autouse=True)
def _served(with_containers: ContainerLaptop) -> Iterator[None]:
    with running(with_containers.laptop, shell(JOB, READS, files=FILES, env=ENV)):
        yield


@pytest.fixture
def wanted(with_containers: ContainerLaptop) -> Wanted:
    laptop = with_containers.laptop
    return Wanted(laptop.target.vault.secret(f"{laptop.platform.namespace}/{JOB}/key") | {"control": CONTROL})


def of_docker(there: ContainerLaptop) -> Iterator[tuple[str, bytes]]:
    """Yield what Docker says and keeps of the container and its image."""
    name = container(there, JOB)
    image = inspected(there, JOB)["Image"]
    for words in (
        ("inspect", name),
        ("inspect", image),
        ("history", "--no-trunc", image),
        ("diff", name),
        ("logs", name),
    ):
        yield words[0], there.docker(*words).encode()
    for words in (("export", name), ("save", image)):
        done = subprocess.run(["docker", "-H", there.docker.host, *words], capture_output=True, check=True)
        yield words[0], done.stdout
    root = Path(there.docker("info", "--format", "{{.DockerRootDir}}"))
    identity = inspected(there, JOB)["Id"]
    for place, raw in places.files(root / "containers" / identity):
        yield f"{root.name}/{place}", raw


def test_docker_knows_of_a_containers_secrets_its_variables_alone(
    with_containers: ContainerLaptop, wanted: Wanted
) -> None:
    seen = list(of_docker(with_containers))
    found = wanted.names_in(seen)
    assert {one.name for one in found} == {"control", "variable"}
    holding = {one.place for one in found if one.name == "variable"}
    assert holding == {"inspect", "data/config.v2.json"}
    assert {one.place for one in found if one.name == "control"} >= holding
    assert {"export", "save", "history", "diff"} <= {place for place, _ in seen}


def test_nomad_keeps_of_a_container_the_same(with_containers: ContainerLaptop, wanted: Wanted) -> None:
    laptop = with_containers.laptop
    (row,) = allocations(laptop, JOB)
    own = f"nomad-1/alloc/{row['ID']}/{JOB}/secrets/"
    found = {one for one in wanted.names_in(places.files(laptop.state.root)) if not one.place.startswith(own)}
    assert {(one.place, one.name) for one in found if one.name != "control"} == {
        ("nomad-1/client/state.db", "variable")
    }
    assert any(one.name == "control" and one.place.endswith("raft.db") for one in found)
