"""Where a container may write: 64 MB in memory at /tmp, and as much as the disk has in its task's own folders."""

from collections.abc import Iterator

import pytest

from nomad_jobs.errors import DeployError
from nomad_jobs.model import Check, Env, Size
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import inside, running, shell, task

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

STRICT, HOME, FREE, GREEDY = "test-strict", "test-home", "test-free", "test-greedy"
FOLDERS = (Env(name="HOME", value="${NOMAD_TASK_DIR}"), Env(name="TMPDIR", value="${NOMAD_ALLOC_DIR}/tmp"))
MB = 1024 * 1024
CACHES = "python3 -c 'import pathlib; p = pathlib.Path.home() / \".cache\"; p.mkdir(); print(p)'"
SPILLS = "python3 -c 'import tempfile; f = tempfile.NamedTemporaryFile(); f.write(bytes(80 << 20)); print(f.name)'"


@pytest.fixture(scope="module", autouse=True)
def _served(with_containers: ContainerLaptop) -> Iterator[None]:
    size = Size(starts_within_s=20, memory_mb=256, cpu_mhz=20)
    with running(
        with_containers.laptop,
        shell(STRICT, size=size),
        shell(HOME, size=size, env=FOLDERS),
        shell(FREE, size=size, is_root_writable=True),
    ):
        yield


def test_tmp_holds_64_mb_and_says_so_when_it_is_full(with_containers: ContainerLaptop) -> None:
    said = inside(with_containers, STRICT, "head -c 65M /dev/zero > /tmp/x; stat -c %s /tmp/x; rm /tmp/x").splitlines()
    assert ("No space left on device" in said[0], said[1]) == (True, str(64 * MB))
    options = set(inside(with_containers, STRICT, "grep ' /tmp ' /proc/mounts").split()[3].split(","))
    assert {"rw", "nosuid", "nodev", "noexec"} <= options


def test_what_is_in_tmp_counts_as_memory(with_containers: ContainerLaptop) -> None:
    """A task of 24 MB ends when it has written 60 MB there, and whoever deployed it reads why."""
    fills = "head -c 60M /dev/zero > /tmp/x; exec sleep 3600"
    never_passes = (Check(path="/", interval_s=1),)  # so that it is not healthy before it has written all
    greedy = task(GREEDY, "/bin/sh", "-c", fills, size=Size(memory_mb=24, cpu_mhz=20), checks=never_passes)
    with (
        pytest.raises(DeployError, match=r"it took more memory than memory_mb, 24 MB: .* — raise memory_mb; what is"),
        running(with_containers.laptop, greedy),
    ):
        pass


def test_a_read_only_container_has_no_home(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, STRICT, "echo $HOME") == "/"
    assert "Read-only file system: '/.cache'" in inside(with_containers, STRICT, CACHES)
    assert "No space left on device" in inside(with_containers, STRICT, SPILLS)


def test_two_variables_give_it_one_and_as_much_scratch_as_the_disk_has(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, HOME, CACHES) == "/local/.cache"
    assert inside(with_containers, HOME, SPILLS).startswith("/alloc/tmp/")


def test_a_writable_root_has_no_tmpfs(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, FREE, "stat -f -c %T /tmp") == "overlayfs"
    assert inside(with_containers, FREE, f"dirname $({SPILLS})").split() == ["/" + "tmp"]
