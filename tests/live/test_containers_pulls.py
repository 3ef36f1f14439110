"""An image that cannot be pulled: who deploys reads which step failed, why and what to do; the old version serves."""

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

from nomad_jobs.errors import BerthError, DeadlineError, RevertedError
from nomad_jobs.model import Service, Size
from nomad_jobs.registry import apps_image
from scripts.ops.docker_login import Login
from scripts.ops.local.setup.seed import seed
from tests.live.test_front_door import get
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import IMAGE, allocations, repository, running, with_image
from tests.support.laptop import Laptop
from tests.support.narrow_way import narrow_way
from tests.support.platforms import FRONT_DOOR
from tests.support.registry import MANIFEST
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

LARGE = 6_000_000
SLOW = 500_000
"""Bytes for each second: the large image takes four times as long as its service may take."""
STARTS_WITHIN_S = 3


@contextmanager
def wrong_login(laptop: Laptop) -> Iterator[Laptop]:
    with narrow_way(laptop, login=Login("reader", "not the password")) as there:
        yield there


@contextmanager
def no_login(laptop: Laptop) -> Iterator[Laptop]:
    with narrow_way(laptop, login=None) as there:
        yield there


@contextmanager
def gone(laptop: Laptop) -> Iterator[Laptop]:
    """Have the registry forget the digest that is pinned, while its tag is another image's."""
    reference = apps_image(IMAGE, "gone")
    before = with_image(laptop, "gone")
    after = with_image(laptop, "gone", Labels={"another": "image"})
    with repository(laptop) as http:
        http.delete(f"/manifests/{before.pins[reference]}").raise_for_status()
        found = http.head("/manifests/gone", headers={"accept": MANIFEST}).raise_for_status()
        assert found.headers["docker-content-digest"] == after.pins[reference]
    yield before


@contextmanager
def slow(laptop: Laptop) -> Iterator[Laptop]:
    with narrow_way(laptop, bytes_per_s=SLOW) as there:
        yield there


@contextmanager
def away(laptop: Laptop) -> Iterator[Laptop]:
    with narrow_way(laptop) as there:
        pass
    yield there


@contextmanager
def untrusted(laptop: Laptop) -> Iterator[Laptop]:
    with narrow_way(laptop, is_trusted=False) as there:
        yield there


LOGIN = "write the login that the registry accepts to registry/login in Vault"
CASES: dict[str, tuple[Callable[[Laptop], AbstractContextManager[Laptop]], str, str, str]] = {
    "wrong-login": (
        wrong_login,
        "the registry refuses the node's login",
        "unauthorized: authentication required",
        LOGIN,
    ),
    "no-login": (no_login, "the registry refuses the node's login", "no basic auth credentials", LOGIN),
    "gone": (
        gone,
        "the registry does not have this digest any more",
        "manifest unknown",
        "push the image again, or run",
    ),
    "slow": (
        slow,
        "its image is still being pulled",
        "Downloading image",
        f"wait longer, or raise starts_within_s, {STARTS_WITHIN_S} s",
    ),
    "away": (
        away,
        "the node does not reach the registry",
        "connect: connection refused",
        "start the registry, or open",
    ),
    "untrusted": (
        untrusted,
        "the node does not trust the registry's certificate",
        "x509: certificate signed by unknown authority",
        "let the node's Docker trust its authority",
    ),
}


def service(name: str, tag: str = "0.1.0", starts_within_s: int = 60) -> Service:
    good = web(f"test-{name}", says=name)
    container = replace(good.container, image=apps_image(IMAGE, tag))
    return replace(good, container=container, size=Size(starts_within_s=starts_within_s, cpu_mhz=20))


def layer(size: int) -> bytes:
    """Make a layer with one file that cannot be packed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("large")
        member.size = size
        tar.addfile(member, io.BytesIO(os.urandom(size)))
    return packed.getvalue()


@pytest.fixture(scope="module")
def instances(with_containers: ContainerLaptop) -> Iterator[dict[str, str]]:
    """Have one service for each fault behind the front door; give the ids of their instances."""
    laptop = with_containers.laptop
    seed([FRONT_DOOR], laptop.platform, laptop.target.vault, laptop.state.keys)
    laptop.deploy(FRONT_DOOR)
    with running(laptop, *(service(name) for name in CASES)):
        yield {name: allocations(laptop, f"test-{name}")[0]["ID"] for name in CASES}


@pytest.fixture(scope="module")
def said(with_containers: ContainerLaptop, instances: dict[str, str]) -> dict[str, BerthError]:
    """Deploy a version that cannot be pulled of each, side by side since Nomad tries three times; give the errors."""
    laptop = with_containers.laptop

    def error_of(name: str) -> BerthError:
        tag = "gone" if name == "gone" else f"new-{name}"
        there = laptop if name == "gone" else with_image(laptop, tag, layer=layer(LARGE))
        with CASES[name][0](there) as faulty, pytest.raises(BerthError) as caught:
            faulty.deploy(service(name, tag, STARTS_WITHIN_S))
        return caught.value

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(instances, pool.map(error_of, instances), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_who_deploys_reads_which_step_failed_why_and_what_to_do(name: str, said: dict[str, BerthError]) -> None:
    _, why, words, fix = CASES[name]
    error = said[name]
    assert isinstance(error, RevertedError)
    assert error.where == f"service 'test-{name}'"
    assert error.what.startswith(f"deployed and reverted: task 'test-{name}': {why}: ")
    assert words in error.what
    assert error.fix.startswith(f"the last good version serves; {fix}")


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("name", CASES)
def test_the_old_version_goes_on_serving(
    name: str, instances: dict[str, str], with_containers: ContainerLaptop
) -> None:
    laptop = with_containers.laptop
    assert [row["ID"] for row in allocations(laptop, f"test-{name}")] == [instances[name]]
    answer = get(laptop.target, f"test-{name}.localhost")
    assert (answer.status_code, answer.text) == (200, name)


def test_who_waits_too_shortly_reads_that_the_pull_goes_on(with_containers: ContainerLaptop) -> None:
    patient = replace(service("patient", "patient", starts_within_s=40), route=None)
    with slow(with_image(with_containers.laptop, "patient", layer=layer(LARGE))) as there:
        says = "its image is still being pulled: Downloading image.* — wait longer, or raise starts_within_s, 40 s"
        with pytest.raises(DeadlineError, match=says):
            there.deploy(patient, deadline_s=4)
        with running(there, patient):
            assert len(allocations(there, patient.name)) == 1
