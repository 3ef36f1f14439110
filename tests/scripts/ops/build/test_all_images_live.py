"""All our images: built twice from clean storages, looked into, and started as strictly as a node can."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nomad_jobs.own_images import OWN_IMAGES
from scripts.ops.build import check, hand_over
from scripts.ops.build.run import Built
from tests.support.docker import Docker
from tests.support.door import Door
from tests.support.image_yard import Yard, await_answer
from tests.support.laptop import free_port

pytestmark = [pytest.mark.live, pytest.mark.soak, pytest.mark.xdist_group("images")]

MODULES = "/usr/lib/nginx/modules"
LUA = (
    f"load_module {MODULES}/ndk_http_module.so;\nload_module {MODULES}/ngx_http_lua_module.so;\n"
    "daemon off; pid /local/nginx.pid;\nevents {{}}\nhttp {{\n  access_log off;\n"
    '  lua_package_path "/usr/share/lua/5.1/?.lua;;";\n'
    '  init_by_lua_block {{ require "resty.core"; require "ngx.balancer" }}\n'
    "  server {{ listen 127.0.0.1:{port}; location / {{ content_by_lua_block {{ ngx.say(jit.version) }} }} }}\n}}\n"
)


@pytest.fixture(scope="module")
def whole_yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    folder = tmp_path_factory.mktemp("whole")
    made = Yard(folder / "cache", folder / "debian.lock")
    made.look_up(*OWN_IMAGES)
    return made


@pytest.fixture(scope="module")
def everything(whole_yard: Yard) -> dict[str, Built]:
    return {one.image.name: one for one in whole_yard.build(*OWN_IMAGES)}


@pytest.fixture
def port() -> int:
    with ExitStack() as held:
        return free_port(held)


@pytest.fixture
def task() -> Iterator[Path]:
    """Give a folder that others than root can reach, as Nomad gives each task one."""
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def start(built: Built, daemon: Docker, yard: Yard, patch: pytest.MonkeyPatch) -> str:
    """Hand an image to Docker; return its name there."""
    patch.setenv("DOCKER_HOST", daemon.host)
    name = f"localhost/{built.image.name}:1"
    with yard.chosen():
        hand_over.load(built.layout, name)
    return name


def test_each_keeps_the_rules(whole_yard: Yard, everything: dict[str, Built]) -> None:
    with whole_yard.chosen():
        lines = check.check(everything.values(), check.rules())
    assert [line.split()[0] for line in lines] == [image.name for image in OWN_IMAGES]


def test_each_has_the_same_digest_in_a_clean_storage(
    whole_yard: Yard, everything: dict[str, Built], tmp_path: Path
) -> None:
    again = Yard(tmp_path / "cache", whole_yard.lock).build(*OWN_IMAGES)
    assert {one.image.name: one.record for one in again} == {name: one.record for name, one in everything.items()}
    shutil.rmtree(tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "words", "files"),
    [
        ("chat", "--model m --api-key-file /files/key.json --peers /files/peers.json --port {port}", True),
        ("fw-parse", "--http-port {port} --https-port 0 --admin-port 0", False),
        ("engine-simulator", "meta-llama/Llama-4-Scout-17B-16E-Instruct --port {port}", False),
    ],
)
def test_an_app_starts(
    name: str,
    words: str,
    files: bool,
    port: int,
    task: Path,
    whole_yard: Yard,
    everything: dict[str, Built],
    daemon: Docker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = start(everything[name], daemon, whole_yard, monkeypatch)
    (task / "key.json").write_text('{"key": "a-key"}')
    (task / "peers.json").write_text("[]")
    module = dict(everything[name].image.arguments)["APP"]
    argv = f"python3 -m nomad_jobs.apps.{module} --host 0.0.0.0 {words.format(port=port)}".split()
    options = (f"--volume={task}:/files:ro",) if files else ("--tmpfs=/tmp",)
    with daemon.container(image, *argv, options=options) as container:
        await_answer(f"http://127.0.0.1:{port}/health", lambda: daemon.logs(container))


def test_the_front_door_starts_by_its_own_script(
    task: Path, whole_yard: Yard, everything: dict[str, Built], daemon: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as held:
        http, tls, status = (free_port(held) for _ in range(3))
    door = Door(task=task / "task", port=http, tls_port=tls, status=status)
    door.routes(door.route("app"))
    for path in (task, *task.rglob("*")):
        os.chown(path, 10001, 10001)
    image = start(everything["ingress"], daemon, whole_yard, monkeypatch)
    env = ("--env=NOMAD_TASK_DIR=/local", f"--env=NOMAD_PORT_status={status}")
    mounts = (f"--volume={door.local}:/local", f"--volume={task / 'task' / 'secrets'}:/secrets")
    with daemon.container(image, "/bin/bash", "/local/start.sh", options=(*env, *mounts)) as container:
        await_answer(f"http://127.0.0.1:{status}/healthz", lambda: daemon.logs(container))


def test_the_front_door_has_lua(
    port: int,
    task: Path,
    whole_yard: Yard,
    everything: dict[str, Built],
    daemon: Docker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (task / "nginx.conf").write_text(LUA.format(port=port))
    image = start(everything["ingress"], daemon, whole_yard, monkeypatch)
    words = ("nginx", "-e", "stderr", "-c", "/local/nginx.conf")
    with daemon.container(image, *words, options=(f"--volume={task}:/local",)) as container:
        said = await_answer(f"http://127.0.0.1:{port}/", lambda: daemon.logs(container))
    assert said.startswith("LuaJIT 2")


def test_the_pipelines_image_runs_berth(
    whole_yard: Yard, everything: dict[str, Built], daemon: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[4]
    image = start(everything["berth-ci"], daemon, whole_yard, monkeypatch)
    options = ("--rm", "--read-only", "--network=none", f"--volume={root}:/builds:ro", "--workdir=/builds")
    assert daemon("run", *options, image, "python3", "-m", "scripts", "images", "list")
    assert "git version" in daemon("run", *options, image, "git", "--version")
    assert daemon("run", *options, image, "ruff", "check", "--no-cache", "nomad_jobs") == "All checks passed!"
