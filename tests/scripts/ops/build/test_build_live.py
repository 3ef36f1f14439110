"""One of our images, built, started and pushed with the real programs; `make soak` does it with all of them."""

import json
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from nomad_jobs.errors import AuthError, BerthError
from scripts.ops.build import bases, builder, check, hand_over, store
from scripts.ops.build.inside import look_inside
from scripts.ops.build.packages import Kind
from scripts.ops.build.run import Built
from tests.support.docker import Docker
from tests.support.image_yard import DETECTOR, Yard, await_answer
from tests.support.laptop import free_port
from tests.support.oci import debian
from tests.support.registry import Registry, look_up

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("images")]

REBUILD_S = 5


@pytest.fixture
def free() -> Iterator[int]:
    """Hold a port where nothing listens."""
    with ExitStack() as held:
        yield free_port(held)


def test_nothing_is_inside_that_may_not_be(yard: Yard, detector: Built) -> None:
    with yard.chosen():
        (line,) = check.check([detector], check.rules())
    assert line.startswith("bot-detector ")
    assert detector.record.adds_mb <= 150
    assert yard.left_over() == []


def test_only_what_the_app_imports_is_inside(yard: Yard, detector: Built) -> None:
    with yard.chosen():
        inside = look_inside(detector.layout)
        sbom = json.loads(store.sbom_in(detector.folder).read_text())
    wheels = {one.name for one in inside.packages if one.kind is Kind.PYTHON}
    assert wheels == {"anyio", "click", "h11", "idna", "starlette", "typing_extensions", "uvicorn"}
    ours = sorted(path for path in inside.paths if path.startswith("srv/nomad_jobs/apps/"))
    assert {path.split("/")[3] for path in ours} == {"__init__.py", "serving", "bot_detector"}
    assert {(one["name"], one["version"]) for one in sbom["components"]} == {
        (one.name, one.version) for one in inside.packages
    }


def test_a_rebuild_with_nothing_changed_is_quick(yard: Yard, detector: Built) -> None:
    start = time.monotonic()
    (again,) = yard.build(DETECTOR)
    assert time.monotonic() - start <= REBUILD_S
    assert (again.is_new, again.record) == (False, detector.record)


def test_the_same_inputs_give_the_same_digest_in_a_clean_storage(yard: Yard, detector: Built, tmp_path: Path) -> None:
    (second,) = Yard(tmp_path / "cache", yard.lock).build(DETECTOR)
    assert second.is_new
    assert second.record == detector.record
    with yard.chosen():
        first_list = store.sbom_in(detector.folder).read_bytes()
    with Yard(tmp_path / "cache", yard.lock).chosen():
        assert store.sbom_in(second.folder).read_bytes() == first_list


def test_it_starts_with_nothing_writable_and_as_nobody(
    yard: Yard, detector: Built, daemon: Docker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    with yard.chosen():
        hand_over.load(detector.layout, "localhost/bot-detector:1")
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": ["a-key"]}')
    tmp_path.chmod(0o755)
    with ExitStack() as held:
        port = free_port(held)
    words = f"python3 -m nomad_jobs.apps.bot_detector --api-key-file /secrets/keys.json --host 0.0.0.0 --port {port}"
    mount = f"--volume={keys}:/secrets/keys.json:ro"
    with daemon.container("localhost/bot-detector:1", *words.split(), options=(mount,)) as container:
        await_answer(f"http://127.0.0.1:{port}/health", lambda: daemon.logs(container))
        assert daemon("exec", container, "id", "-u") == "10001"
        asked = {"email": "xk2j9q@mail.example", "name": "xk2j9q"}
        with httpx.Client(trust_env=False, headers={"authorization": "Bearer a-key"}) as client:
            answer = client.post(f"http://127.0.0.1:{port}/predict", json=asked)
    assert "probability" in answer.json()


def test_what_is_pushed_is_what_pin_finds(yard: Yard, detector: Built, hub: Registry) -> None:
    reference = f"{hub.address}/backend/bot-detector/main:0.1.0"
    with yard.chosen():
        hand_over.push(detector.layout, reference)
        assert look_up(reference) == detector.layout.digest == detector.record.digest
        hand_over.push(detector.layout, reference)


def test_a_registry_that_refuses_gets_nothing(
    yard: Yard, detector: Built, hub: Registry, private_hub: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with (
        yard.chosen(),
        pytest.raises(AuthError, match=r"push: the registry refuses this login .* — run `docker login`"),
    ):
        hand_over.push(detector.layout, f"{private_hub.address}/refused/app:1")
    with pytest.raises(BerthError, match="has no tag '1' in refused/app"):
        look_up(f"{hub.address}/refused/app:1")


def test_a_registry_that_is_not_there_is_named(yard: Yard, detector: Built, free: int) -> None:
    with yard.chosen(), pytest.raises(BerthError, match="push: the other side cannot be reached"):
        hand_over.push(detector.layout, f"127.0.0.1:{free}/app:1")


def test_without_a_docker_daemon_only_load_fails(
    yard: Yard, detector: Built, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with yard.chosen(), pytest.raises(BerthError, match=r"load: no Docker daemon answers at /.* — start Docker"):
        hand_over.load(detector.layout, "localhost/app:1")


def test_who_may_not_reach_the_docker_daemon_is_told_so(
    yard: Yard, detector: Built, daemon: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    with yard.chosen():
        layout = detector.layout
    path = Path(daemon.host.removeprefix("unix://"))
    path.parent.chmod(0o755)
    path.chmod(0o600)
    pid = os.fork()
    if pid == 0:  # as another user: root reaches everything
        os.setresuid(10001, 10001, 10001)
        try:
            hand_over.load(layout, "localhost/app:1")
        except AuthError as error:
            os._exit(0 if "this user may not reach the Docker daemon" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_build_that_breaks_off_leaves_nothing(yard: Yard, detector: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    other = replace(DETECTOR, arguments=(("APP", "bot_detector"), ("OTHER", "1")))
    monkeypatch.setattr(builder.Workshop, "image", breaks)
    with pytest.raises(KeyboardInterrupt):
        yard.build(other)
    assert yard.left_over() == []
    with yard.chosen():
        assert [folder.name for folder in detector.folder.parent.iterdir()] == [detector.key]


def test_a_base_that_debian_replaced_is_named(yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def makes(_: object, __: int, archive: Path) -> None:
        (tmp_path / "status").write_text(debian(("bash", "5.99"), ("python3", "3.99")))
        with tarfile.open(archive, "w") as tar:
            tar.add(tmp_path / "status", bases.STATUS)

    monkeypatch.setattr(bases, "make", makes)
    other = Yard(tmp_path / "cache", yard.lock)
    with pytest.raises(
        BerthError, match=r"base python: cannot be had any more: Debian's archive now has .*; the images"
    ):
        other.build(DETECTOR)
    assert other.left_over() == []


def test_a_full_disk_is_named_and_left_clean(yard: Yard, small_disk: Path) -> None:
    other = Yard(small_disk, yard.lock)
    with pytest.raises(BerthError, match=r"the disk is full .* — free some space"):
        other.build(DETECTOR)
    assert other.left_over() == []


def test_a_base_that_cannot_be_had_is_named(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setenv("BERTH_DEBIAN_MIRROR", f"http://127.0.0.1:{free}")
    with pytest.raises(BerthError, match=r"base python: Debian's packages: Debian's archive cannot be reached"):
        Yard(tmp_path / "cache", yard.lock).build(DETECTOR)
