"""Nomad reads the jobs of a cloud stack, which no laptop can run, and finds in each what Docker is to be told."""

from typing import Any

import pytest

from nomad_jobs.images import Pins
from nomad_jobs.model import UNLIMITED, Container, File, Gpus, Service, Size, Ulimit, User
from nomad_jobs.render import render_job
from scripts.ops.clients.nomad import Nomad
from tests.nomad_jobs.test_model import build
from tests.support.platforms import CLOUD, IN_CLOUD, LAPTOP, test_pins

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("front-door")]

THERE = CLOUD.model_copy(update={"pools": LAPTOP.pools})
"""Nomad refuses a job for a pool that it does not have."""
PINS: Pins = test_pins("app:1", *(service.container.image for service in IN_CLOUD))


def task(nomad: Nomad, service: Service) -> dict[str, Any]:
    job = nomad.parse(render_job(service, THERE, images=PINS))
    nomad.validate(job)
    found: dict[str, Any] = job["TaskGroups"][0]["Tasks"][0]
    return found


@pytest.mark.parametrize("service", IN_CLOUD, ids=lambda service: service.name)
def test_nomad_takes_every_job_of_a_cloud_stack(nomad: Nomad, service: Service) -> None:
    found = task(nomad, service)
    assert found["Driver"] == "docker"
    assert found["Config"]["cap_drop"] == ["all"]


def test_all_that_a_container_says_arrives(nomad: Nomad) -> None:
    container = Container(
        image="app:1",
        argv=("serve",),
        entrypoint=("tini", "--"),
        user=User(uid=0, gid=10002),
        is_root_writable=True,
        capabilities=("setgid", "setuid"),
        ulimits=(Ulimit(name="memlock", soft=UNLIMITED, hard=UNLIMITED), Ulimit(name="nofile", soft=1, hard=2)),
        shm_mb=64,
        ipc_mode="private",
    )
    files = (File(path="local/file", parts=("text",)),)
    found = task(nomad, build(container=container, files=files, size=Size(gpus=Gpus(count=1))))
    assert found["User"] == "0:10002"
    assert [(one["Uid"], one["Gid"], one["Perms"]) for one in found["Templates"]] == [(0, 10002, "0600")]
    assert found["Config"] == {
        "image": f"app:1@sha256:{'0' * 64}",
        "args": ["serve"],
        "ports": ["http"],
        "image_pull_timeout": "3600s",
        "entrypoint": ["tini", "--"],
        "cap_drop": ["all"],
        "cap_add": ["setgid", "setuid"],
        "security_opt": ["no-new-privileges"],
        "readonly_rootfs": False,
        "shm_size": 64 * 1024 * 1024,
        "ipc_mode": "private",
        "runtime": "nvidia",
        "ulimit": [{"memlock": "-1:-1", "nofile": "1:2"}],
    }
