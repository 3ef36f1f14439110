"""What a container may do: nothing that its service does not ask for, and listening on port 80 all the same."""

from collections.abc import Iterator

import httpx
import pytest

from nomad_jobs.model import Check, Port
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import inside, inspected, running, shell, task, with_image

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

DROPPED, KEPT, LOW = "test-dropped", "test-kept", "test-low"
CHOWN = 1 << 0
NET_BIND = 1 << 10
PLANT = "cp /bin/dash /alloc/data/sh && chmod 4755 /alloc/data/sh"
"""A shell that runs as its owner, root, whoever starts it."""


@pytest.fixture(scope="module", autouse=True)
def _served(with_containers: ContainerLaptop) -> Iterator[None]:
    laptop = with_image(with_containers.laptop, "root", User="")
    with running(
        laptop,
        shell(DROPPED),
        shell(KEPT, PLANT, tag="root", user=None, capabilities=("chown",)),
        task(
            LOW,
            *("python3", "-m", "http.server", "--directory", "/srv", "80"),
            ports=(Port(container=80),),
            checks=(Check(path="/", interval_s=1),),
        ),
    ):
        yield


def status(there: ContainerLaptop, job: str) -> dict[str, str]:
    lines = inside(there, job, "cat /proc/1/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_every_capability_is_dropped(with_containers: ContainerLaptop) -> None:
    found = status(with_containers, DROPPED)
    assert {name: int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "CapInh": 0,
        "CapPrm": 0,
        "CapEff": 0,
        "CapBnd": 0,
        "CapAmb": 0,
    }


def test_root_keeps_the_one_that_its_service_names(with_containers: ContainerLaptop) -> None:
    assert int(status(with_containers, KEPT)["CapEff"], 16) == CHOWN
    change = "touch /local/x && chown 1:1 /local/x && stat -c %u /local/x"
    assert inside(with_containers, KEPT, change) == "1"
    assert "Operation not permitted" in inside(with_containers, KEPT, "mknod /local/null c 1 3")


def test_no_program_gives_more_than_its_task_has(with_containers: ContainerLaptop) -> None:
    assert status(with_containers, DROPPED)["NoNewPrivs"] == "1"
    assert inspected(with_containers, DROPPED)["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]
    assert inside(with_containers, KEPT, "stat -c '%A %u' /alloc/data/sh") == "-rwsr-xr-x 0"
    assert inside(with_containers, KEPT, "/alloc/data/sh -p -c 'id -u'") == "0"
    assert inside(with_containers, KEPT, "/alloc/data/sh -p -c 'id -u; id'", user="10001:10001").splitlines() == [
        "10001",
        "uid=10001 gid=10001 groups=10001",
    ]


def test_a_user_without_capability_listens_below_1024(with_containers: ContainerLaptop) -> None:
    found = status(with_containers, LOW)
    assert (found["Uid"].split()[0], int(found["CapEff"], 16) & NET_BIND) == ("10001", 0)
    assert inside(with_containers, LOW, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "0"
    (address,) = with_containers.laptop.target.consul.instances(LOW)
    assert not str(address).endswith(":80")
    assert "nomad_jobs" in httpx.get(f"http://{address}/", trust_env=False).text
