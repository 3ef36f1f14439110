"""A task that writes without end fills no disk: Docker keeps the last of it, and so does Nomad."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.ops.waiting import wait_until
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import inside, inspected, running, shell

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

NAME = "test-talks"
FIRST = f"{NAME}.stdout.0"
MB = 1024 * 1024
DOCKERS_MB = 2 * 2
NOMADS_MB = 10 * 10
LINE = "a line that says nothing new at all, " * 27
# Nomad loses lines of what is written faster than it reads, for Docker keeps so little: hence a pause, and no count.
TALKS = f"until test -e /local/enough; do yes '{LINE}' | head -c 1M; echo; sleep 0.05; done"


@pytest.fixture(scope="module", autouse=True)
def _talked(with_containers: ContainerLaptop) -> Iterator[None]:
    with running(with_containers.laptop, shell(NAME, TALKS)):
        wait_until(
            lambda: "its first file is there" if nomads(with_containers)[:1] in ([], [FIRST]) else None,
            where=NAME,
            what="more than Nomad keeps",
            deadline_s=180,
        )
        inside(with_containers, NAME, "touch /local/enough")
        yield


def nomads(with_containers: ContainerLaptop) -> list[str]:
    """Name the files in which Nomad keeps what the task says."""
    return sorted(file.name for file in logs(with_containers).glob(f"{NAME}.stdout.*"))


def logs(with_containers: ContainerLaptop) -> Path:
    return with_containers.laptop.task_folder(NAME).parent / "alloc" / "logs"


def mb(files: list[Path]) -> float:
    return sum(file.stat().st_size for file in files) / MB


def test_docker_keeps_two_files_of_two_megabytes(with_containers: ContainerLaptop) -> None:
    found = inspected(with_containers, NAME)
    assert found["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "2", "max-size": "2m"}}
    log = Path(found["LogPath"])
    files = sorted(log.parent.glob(f"{log.name}*"))
    assert [file.name for file in files] == [log.name, f"{log.name}.1"]
    assert mb(files) < DOCKERS_MB + 0.1


def test_nomad_keeps_ten_files_of_ten_megabytes(with_containers: ContainerLaptop) -> None:
    files = [logs(with_containers) / name for name in nomads(with_containers)]
    assert 1 < len(files) <= 10
    assert mb(files) <= NOMADS_MB
    assert FIRST not in [file.name for file in files], "the oldest is gone"
