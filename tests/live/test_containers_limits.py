"""Shared memory, IPC and the kernel's limits: what a service asks for is what its container has."""

import subprocess
from collections.abc import Iterator

import pytest

from nomad_jobs.errors import DeployError
from nomad_jobs.model import UNLIMITED, Ulimit
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import container, inside, inspected, running, shell

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

PLAIN, PRIVATE, SHARED, NONE, HOST = (f"test-{mode}" for mode in ("plain", "private", "shareable", "none", "host"))


@pytest.fixture(scope="module", autouse=True)
def _served(with_containers: ContainerLaptop) -> Iterator[None]:
    limits = (Ulimit(name="nofile", soft=1024, hard=2048), Ulimit(name="core", soft=0, hard=0))
    with running(
        with_containers.laptop,
        shell(PLAIN),
        shell(PRIVATE, ipc_mode="private", shm_mb=96, ulimits=limits),
        shell(SHARED, ipc_mode="shareable"),
        shell(NONE, ipc_mode="none"),
        shell(HOST, ipc_mode="host"),
    ):
        yield


def shm_mb(there: ContainerLaptop, job: str) -> int:
    return int(inside(there, job, "stat -f -c '%S * %b / 1048576' /dev/shm | xargs expr"))


def test_shared_memory_is_as_large_as_the_service_says(with_containers: ContainerLaptop) -> None:
    assert shm_mb(with_containers, PLAIN) == 64, "Docker's own default"
    assert shm_mb(with_containers, PRIVATE) == 96
    full = "head -c 97M /dev/zero > /dev/shm/x; stat -c %s /dev/shm/x; rm /dev/shm/x"
    said = inside(with_containers, PRIVATE, full).splitlines()
    assert ("No space left on device" in said[0], said[1]) == (True, str(96 * 1024 * 1024))


def test_a_file_in_shared_memory_stays_with_its_container(with_containers: ContainerLaptop) -> None:
    """`shareable` lets another container in by Docker's own `--ipc container:NAME`, which no job of Berth has."""
    for job in (PLAIN, PRIVATE, SHARED):
        inside(with_containers, job, f"echo {job} > /dev/shm/whose")
    seen = {job: inside(with_containers, job, "cat /dev/shm/whose") for job in (PLAIN, PRIVATE, SHARED)}
    assert seen == {PLAIN: PLAIN, PRIVATE: PRIVATE, SHARED: SHARED}
    assert inspected(with_containers, PLAIN)["HostConfig"]["IpcMode"] == "private"
    assert joined(with_containers, SHARED) == SHARED
    with pytest.raises(AssertionError, match="non-shareable IPC"):
        joined(with_containers, PRIVATE)


def test_without_ipc_there_is_no_shared_memory(with_containers: ContainerLaptop) -> None:
    assert "No such file or directory" in inside(with_containers, NONE, "ls /dev/shm")


def test_with_the_hosts_ipc_it_is_the_machines_own(with_containers: ContainerLaptop) -> None:
    """The only mode in which a task sees what other tasks, and the machine's programs, have there."""
    host = inside(with_containers, HOST, "readlink /proc/self/ns/ipc")
    assert host == with_containers.docker("run", *_OURS, "--ipc=host", image(with_containers), "readlink", _NS)
    assert host != inside(with_containers, PLAIN, "readlink /proc/self/ns/ipc")


def test_open_files_are_limited_as_the_service_says(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, PRIVATE, "ulimit -Sn; ulimit -Hn; ulimit -Hc").split() == ["1024", "2048", "0"]
    opened = "python3 -c 'x = [open(\"/dev/null\") for _ in range(1100)]'"
    assert "Too many open files" in inside(with_containers, PRIVATE, opened)
    assert inside(with_containers, PLAIN, opened) == ""


def test_locked_memory_is_unlimited_where_the_machine_allows_it(with_containers: ContainerLaptop) -> None:
    """NCCL needs it. A machine that gives nobody more than it has now refuses by name."""
    service = shell("test-locks", ulimits=(Ulimit(name="memlock", soft=UNLIMITED, hard=UNLIMITED),))
    raised = subprocess.run(["prlimit", "--memlock=unlimited", "true"], capture_output=True, check=False)
    if raised.returncode == 0:
        with running(with_containers.laptop, service):
            assert inside(with_containers, "test-locks", "ulimit -l") == "unlimited"
        return
    with (
        pytest.raises(DeployError, match="error setting rlimit type 8: operation not permitted"),
        running(with_containers.laptop, service),
    ):
        pass
    pytest.skip("not run here: this machine lets no process lock more memory than it may now")


_OURS = ("--rm", "--network=none", "--entrypoint=")
_NS = "/proc/self/ns/ipc"


def image(there: ContainerLaptop) -> str:
    return str(inspected(there, PLAIN)["Image"])


def joined(there: ContainerLaptop, job: str) -> str:
    """Read the file from a container that joins the shared memory of `job`."""
    ipc = f"--ipc=container:{container(there, job)}"
    return there.docker("run", *_OURS, ipc, image(there), "sh", "-c", "cat /dev/shm/whose")
