"""Emulated GPUs in containers: each instance sees its own and no other's. NVIDIA's runtime is not run here."""

from collections.abc import Iterator

import pytest

from nomad_jobs.model import Gpus, Size
from nomad_jobs.render import render_job
from scripts.ops.local.settings import GPUS_PER_NODE
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import allocations, running, shell
from tests.support.platforms import CLOUD

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

NAME = "test-gpus"
EACH = GPUS_PER_NODE // 2
SIZE = Size(instances=2, gpus=Gpus(count=EACH), cpu_mhz=20, starts_within_s=20)


@pytest.fixture(scope="module", autouse=True)
def _served(with_containers: ContainerLaptop) -> Iterator[None]:
    with running(with_containers.laptop, shell(NAME, "ls /tmp/task-mounts > /local/seen", size=SIZE)):
        yield


def seen(there: ContainerLaptop) -> list[set[str]]:
    """Give the GPUs that each instance saw when it started."""
    names = [f"{NAME}-{row['ID']}" for row in allocations(there.laptop, NAME)]
    return [set(there.docker("exec", name, "cat", "/local/seen").split()) for name in names]


def test_no_two_instances_see_the_same_gpu(with_containers: ContainerLaptop) -> None:
    one, other = seen(with_containers)
    assert (len(one), len(other)) == (EACH, EACH)
    assert one.isdisjoint(other)
    folder = with_containers.laptop.state.root / "gpus" / "nomad-1"
    assert one | other == {path.name for path in folder.iterdir()}


def test_what_asks_for_none_sees_none(with_containers: ContainerLaptop) -> None:
    with running(with_containers.laptop, shell("test-no-gpus", "ls /tmp > /local/seen")):
        (row,) = allocations(with_containers.laptop, "test-no-gpus")
        assert with_containers.docker("exec", f"test-no-gpus-{row['ID']}", "cat", "/local/seen") == ""


def test_nvidias_runtime_is_asked_for_and_not_run_here(with_containers: ContainerLaptop) -> None:
    """Nomad reads and accepts the job; no machine of the tests has such a GPU or runtime."""
    laptop = with_containers.laptop
    there = CLOUD.model_copy(update={"pools": laptop.platform.pools})
    job = laptop.target.nomad.parse(render_job(shell(NAME, size=SIZE), there, images=laptop.pins))
    laptop.target.nomad.validate(job)
    (task,) = job["TaskGroups"][0]["Tasks"]
    assert task["Config"]["runtime"] == "nvidia"
    assert [(one["Name"], one["Count"]) for one in task["Resources"]["Devices"]] == [("nvidia/gpu", EACH)]
    assert "nvidia" not in with_containers.docker("info", "--format", "{{json .Runtimes}}")
