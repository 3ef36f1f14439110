"""A file where a program looks for it: mounted read-only into the container, and never one that may change."""

from collections.abc import Iterator

import pytest

from nomad_jobs.keys import pin_key
from nomad_jobs.model import Env, File, Secret, json_file
from nomad_jobs.render import render_job
from scripts.ops.waiting import wait_until
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import container, inside, inspected, running, shell

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

KEY = Secret(name="key")
MOUNTED, STALE = "test-mounted", "test-stale"
PLACES = {
    "/etc/app/config.yml": "local/config.yml",
    "/etc/hostname.d/.hidden": "local/hidden",
    "/opt/app/key.json": "secrets/key.json",
}
FILES = (
    File(path="local/config.yml", parts=("mode: plain\n",), mounted_at="/etc/app/config.yml"),
    File(path="local/hidden", parts=("hidden\n",), mounted_at="/etc/hostname.d/.hidden"),
    json_file("secrets/key.json", {"key": KEY["value"]}, mounted_at="/opt/app/key.json"),
    # Another file of the task that follows changes: the mounted ones still do not change.
    json_file("secrets/reread.json", {"key": KEY["value"]}, is_reread=True),
)


@pytest.fixture(scope="module")
def _mounted(with_containers: ContainerLaptop) -> Iterator[None]:
    env = (Env(name="KEY", value=KEY["value"]),)
    with running(with_containers.laptop, shell(MOUNTED, "cp /etc/app/config.yml /alloc/data/", files=FILES, env=env)):
        yield


@pytest.mark.usefixtures("_mounted")
def test_a_program_finds_the_file_where_it_looks_for_it(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, MOUNTED, "cat /alloc/data/config.yml") == "mode: plain"
    for place, path in PLACES.items():
        assert inside(with_containers, MOUNTED, f"cmp /{path} {place} && stat -c '%a %u' {place}") == "600 10001"


@pytest.mark.usefixtures("_mounted")
def test_nobody_writes_through_it(with_containers: ContainerLaptop) -> None:
    refused = inside(with_containers, MOUNTED, "echo x > /etc/app/config.yml; rm -f /opt/app/key.json").splitlines()
    assert ["Read-only file system" in line or "Device or resource busy" in line for line in refused] == [True, True]
    assert inside(with_containers, MOUNTED, "cat /etc/app/config.yml", user="10002") == (
        "cat: /etc/app/config.yml: Permission denied"
    )


@pytest.mark.usefixtures("_mounted")
def test_a_mounted_secret_is_in_memory_alone(with_containers: ContainerLaptop) -> None:
    assert inside(with_containers, MOUNTED, "stat -f -c %T /opt/app/key.json /etc/app/config.yml").split()[0] == "tmpfs"
    folder = str(with_containers.laptop.task_folder(MOUNTED))
    binds = {one["Destination"]: one for one in inspected(with_containers, MOUNTED)["Mounts"]}
    assert {place: (binds[place]["Source"], binds[place]["RW"]) for place in PLACES} == {
        place: (f"{folder}/{path}", False) for place, path in PLACES.items()
    }


@pytest.mark.usefixtures("_mounted")
def test_it_is_the_same_after_the_task_starts_again(with_containers: ContainerLaptop) -> None:
    laptop = with_containers.laptop
    before = container(with_containers, MOUNTED)
    started = _started(with_containers, before)
    laptop.nomad.put(f"/v1/client/allocation/{before.removeprefix(f'{MOUNTED}-')}/restart", json={})
    wait_until(
        lambda: None if _started(with_containers, before) not in {"", started} else "the old container",
        where=MOUNTED,
        what="its new container",
        deadline_s=30,
    )
    for place, path in PLACES.items():
        assert with_containers.docker("exec", before, "cmp", f"/{path}", place) == ""


def test_a_mounted_file_that_changes_would_be_stale(with_containers: ContainerLaptop) -> None:
    """Why the model refuses one: Nomad puts a new file in the place of the old one, which the mount goes on showing."""
    laptop, target = with_containers.laptop, with_containers.laptop.target
    service = shell(STALE, files=(json_file("secrets/key.json", {"key": KEY["value"]}, is_reread=True),))
    path = f"{laptop.platform.namespace}/{STALE}/key"
    with running(laptop, service):
        job = target.nomad.parse(render_job(service, laptop.platform, images=laptop.pins))
        mount = {"type": "bind", "source": "secrets/key.json", "target": "/etc/app/key.json", "readonly": True}
        job["TaskGroups"][0]["Tasks"][0]["Config"]["mount"].append(mount)
        job["TaskGroups"][0]["Update"] |= {"Canary": 0, "AutoPromote": False}
        laptop.nomad.put("/v1/jobs", json={"Job": job})
        wait_until(lambda: _missing(with_containers, "/etc/app/key.json", ""), where=STALE, what="start", deadline_s=30)
        old = inside(with_containers, STALE, "cat /etc/app/key.json")
        version = target.vault.newest(path).version
        target.vault.put_secret(path, {"value": "changed"}, after_version=version)
        target.consul.put_key(pin_key(KEY, service, laptop.platform), str(version + 1))
        new = '{"key": "changed"}'
        wait_until(lambda: _missing(with_containers, "/secrets/key.json", new), where=STALE, what="key", deadline_s=30)
        assert inside(with_containers, STALE, "cat /etc/app/key.json") == old


def _started(there: ContainerLaptop, name: str) -> str:
    """Say when the container of this name began to run; empty while there is none, or it does not run yet."""
    try:
        said = there.docker("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", name)
    except AssertionError:
        return ""
    return said.removeprefix("true ") if said.startswith("true ") else ""


def _missing(there: ContainerLaptop, place: str, wanted: str) -> str | None:
    """Say what is at `place`, until it is what is wanted; without any wish, until it is there."""
    try:
        found = inside(there, STALE, f"cat {place}")
    except (AssertionError, ValueError) as error:  # the old instance has not ended, or the new one has not begun
        return str(error)
    return None if found == wanted or (not wanted and found.startswith("{")) else found
