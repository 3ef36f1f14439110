"""Files and secrets in a container: its own user reads them, another does not, and Docker knows none of them."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from nomad_jobs.model import Env, File, Secret
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import container, inside, inspected, running, shell, with_image

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

KEY = Secret(name="key")
FILES = (File(path="secrets/key", parts=(KEY["value"].raw,)), File(path="local/plain", parts=("plain text\n",)))
READS = "cat /secrets/key /local/plain > /alloc/data/read"
USER, ROOT, VARIABLE = "test-user", "test-root", "test-variable"


@pytest.fixture(scope="module", autouse=True)
def _served(with_containers: ContainerLaptop) -> Iterator[None]:
    laptop = with_image(with_containers.laptop, "root", User="")
    with running(
        laptop,
        shell(USER, READS, "echo has read", files=FILES),
        shell(ROOT, READS, tag="root", user=None, files=FILES),
        shell(VARIABLE, env=(Env(name="KEY", value=KEY["value"]),)),
    ):
        yield


def value(there: ContainerLaptop, job: str) -> str:
    laptop = there.laptop
    return str(laptop.target.vault.secret(f"{laptop.platform.namespace}/{job}/key")["value"])


def test_a_user_without_any_privilege_reads_its_files(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, USER, "cat /alloc/data/read") == f"{value(with_containers, USER)}plain text"
    assert inside(with_containers, USER, "id -u; id -g; stat -c '%a %u %g' /secrets/key /local/plain") == (
        "10001\n10001\n600 10001 10001\n600 10001 10001"
    )
    assert "Read-only file system" in inside(with_containers, USER, "touch /srv/x")
    assert inside(with_containers, USER, "grep CapEff /proc/1/status").split() == ["CapEff:", "0" * 16]


@pytest.mark.parametrize("other", ["10002:10001", "10002:10002", "0:0"])
def test_another_user_in_the_same_container_does_not(other: str, with_containers: ContainerLaptop) -> None:
    refused = inside(with_containers, USER, "cat /secrets/key; cat /local/plain", user=other)
    assert refused.splitlines() == [
        "cat: /secrets/key: Permission denied",
        "cat: /local/plain: Permission denied",
    ]


def test_an_image_that_runs_as_root_reads_them_too(with_containers: ContainerLaptop) -> None:
    assert inspected(with_containers, ROOT)["Config"]["User"] == ""
    assert inside(with_containers, ROOT, "id -u; cat /alloc/data/read") == (
        f"0\n{value(with_containers, ROOT)}plain text"
    )
    assert inside(with_containers, ROOT, "stat -c '%a %u %g' /secrets/key /local/plain") == "600 0 0\n600 0 0"
    assert inside(with_containers, ROOT, "grep CapEff /proc/1/status").split() == ["CapEff:", "0" * 16]


def test_secrets_are_in_memory_alone(with_containers: ContainerLaptop) -> None:
    seen = inside(with_containers, USER, "stat -f -c %T /secrets; grep ' /secrets ' /proc/mounts").split()
    assert seen[:4] == ["tmpfs", "tmpfs", "/secrets", "tmpfs"]
    assert {"noexec", "noswap"} <= set(seen[4].split(","))


def test_docker_and_nomad_know_no_value(with_containers: ContainerLaptop) -> None:
    laptop, docker = with_containers.laptop, with_containers.docker
    hidden = value(with_containers, USER)
    name = container(with_containers, USER)
    assert docker.logs(name) == "has read\n"
    image = inspected(with_containers, USER)["Image"]
    places = {
        "inspect": docker("inspect", name),
        "image": docker("inspect", image) + docker("history", "--no-trunc", image),
        "job": json.dumps(laptop.nomad.get(f"/v1/job/{USER}")),
        "allocation": json.dumps(laptop.nomad.get(f"/v1/allocation/{name.removeprefix(f'{USER}-')}")),
    }
    assert [place for place, text in places.items() if hidden in text] == []
    assert hidden.encode() not in exported(with_containers, "export", name)
    assert hidden.encode() not in exported(with_containers, "save", image)


def test_a_secret_in_a_variable_is_told_to_whoever_may_ask_docker(with_containers: ContainerLaptop) -> None:
    """That is why `Env` says to prefer a file; nothing in the catalogue has such a variable."""
    found = inspected(with_containers, VARIABLE)["Config"]["Env"]
    assert f"KEY={value(with_containers, VARIABLE)}" in found


def exported(there: ContainerLaptop, what: str, name: str) -> bytes:
    """Give all files of a container, mounts left out, or all layers of an image."""
    done = subprocess.run(["docker", "-H", there.docker.host, what, name], capture_output=True, check=True)
    return done.stdout
