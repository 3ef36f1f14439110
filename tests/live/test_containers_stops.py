"""How a container ends: ours at once, a request that runs is finished, one that ignores the signal is waited for."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import Check, File, Route, Sample, Service, Source
from nomad_jobs.platform import Driver
from nomad_jobs.resolve import resolve
from scripts.ops.local.containers import images
from scripts.ops.local.setup.seed import seed
from scripts.ops.local.setup.serve import supply_images
from scripts.ops.waiting import wait_until
from tests.live.conftest import namespace
from tests.live.test_front_door import get
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import allocations, container, running, shell, task
from tests.support.laptop import Laptop, quiet
from tests.support.platforms import FRONT_DOOR

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

LONGEST_S = 8
KILL_TIMEOUT_S = LONGEST_S + 10
SHUTDOWN_DELAY_S = 4
OURS_S = 2
WHOLE = tuple(resolve(SERVICES, "local", Driver.DOCKER).services)


def server(name: str, how: str) -> Service:
    argv = ("python3", "${NOMAD_TASK_DIR}/slow_server.py", how, "${BERTH_BIND}", "${NOMAD_PORT_http}")
    return task(
        name,
        *argv,
        stop_signal="SIGTERM",
        checks=(Check(path="/", interval_s=1),),
        route=Route(host=name, longest_request_s=LONGEST_S, sample=Sample(path="/", expect="whole")),
        files=(File(path="local/slow_server.py", parts=(Source("tests/support/slow_server.py"),)),),
    )


HEEDS, IGNORES = server("test-heeds", "heeds"), server("test-ignores", "ignores")
SWALLOWS = shell("test-swallows", "sleep 3600", "true", stop_signal="SIGTERM")
"""As an image with `CMD python3 app.py` in shell form: a shell is the first process, and passes no signal on."""


@pytest.fixture(scope="module")
def _front_door(with_containers: ContainerLaptop) -> None:
    laptop = with_containers.laptop
    seed([FRONT_DOOR], laptop.platform, laptop.target.vault, laptop.state.keys)
    laptop.deploy(FRONT_DOOR)


def ended(laptop: Laptop, jobs: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Stop jobs; give the events of each one's task, once its container has ended."""
    ids = {job: allocations(laptop, job)[0]["ID"] for job in jobs}
    for job in jobs:
        laptop.target.nomad.stop(job)
    for job, id_of in ids.items():
        wait_until(partial(_unfinished, laptop, id_of), where=job, what="end", deadline_s=60)
    states = {job: laptop.nomad.get(f"/v1/allocation/{id_of}")["TaskStates"][job] for job, id_of in ids.items()}
    return {job: state["Events"] for job, state in states.items()}


def _unfinished(laptop: Laptop, id_of: str) -> str | None:
    status = str(laptop.nomad.get(f"/v1/allocation/{id_of}")["ClientStatus"])
    return None if status == "complete" else status


def _idle(there: ContainerLaptop, name: str) -> str | None:
    return None if "began" in there.docker.logs(name) else "no request has reached it"


def seconds(events: Sequence[dict[str, Any]], first: str, last: str) -> float:
    """Give the seconds between two of a task's events, by Nomad's own clock."""
    at = {one["Type"]: one["Time"] for one in events}
    return float(at[last] - at[first]) / 1e9


def exit_code(events: Sequence[dict[str, Any]]) -> str:
    (found,) = (one["Details"]["exit_code"] for one in events if one["Type"] == "Terminated")
    return str(found)


@pytest.mark.usefixtures("_front_door")
def test_a_request_that_runs_is_finished_whether_the_program_heeds_its_signal_or_not(
    with_containers: ContainerLaptop,
) -> None:
    laptop = with_containers.laptop
    names = (HEEDS.name, IGNORES.name)
    with running(laptop, HEEDS, IGNORES), ThreadPoolExecutor(2) as pool:
        containers = {name: container(with_containers, name) for name in names}
        asked = {name: pool.submit(get, laptop.target, f"{name}.localhost", f"/slow?{LONGEST_S - 1}") for name in names}
        for name in names:
            wait_until(partial(_idle, with_containers, containers[name]), where=name, what="begin", deadline_s=10)
        stopped = time.time()
        events = ended(laptop, names)
        answers = {name: (asked[name].result().status_code, asked[name].result().text) for name in names}
    assert answers == dict.fromkeys(names, (200, "whole"))
    heeded, ignored = events[HEEDS.name], events[IGNORES.name]
    (signalled,) = (one["Time"] / 1e9 for one in heeded if one["Type"] == "Killing")
    assert SHUTDOWN_DELAY_S <= signalled - stopped < SHUTDOWN_DELAY_S + 2
    # The request has three seconds more than the delay: the signal comes first, and then its answer.
    assert 1 < seconds(heeded, "Killing", "Terminated") < LONGEST_S - SHUTDOWN_DELAY_S + 1
    assert exit_code(heeded) == "0"
    assert KILL_TIMEOUT_S <= seconds(ignored, "Killing", "Terminated") < KILL_TIMEOUT_S + 3
    assert exit_code(ignored) == "137"


def test_a_shell_that_swallows_the_signal_is_killed_when_its_time_is_up(with_containers: ContainerLaptop) -> None:
    with running(with_containers.laptop, SWALLOWS):
        events = ended(with_containers.laptop, [SWALLOWS.name])[SWALLOWS.name]
    assert SWALLOWS.kill_timeout_s <= seconds(events, "Killing", "Terminated") < SWALLOWS.kill_timeout_s + 3
    assert exit_code(events) == "137"


@pytest.fixture(scope="module")
def _whole(with_containers: ContainerLaptop) -> Iterator[None]:
    """Deploy the catalogue, with the images that Berth builds."""
    laptop = with_containers.laptop
    with namespace().outside():
        built = images.build(WHOLE, laptop.state, quiet())
    pinned = replace(laptop, pins=supply_images(built, laptop.state, laptop.target, quiet()))
    with running(pinned, *WHOLE):
        yield


@pytest.mark.usefixtures("_whole")
def test_each_image_of_ours_ends_within_two_seconds_of_its_signal(with_containers: ContainerLaptop) -> None:
    laptop, took, codes = with_containers.laptop, {}, {}
    for service in WHOLE:
        names, since = [f"{service.name}-{row['ID']}" for row in allocations(laptop, service.name)], time.time()
        ended(laptop, [service.name])
        for name in names:
            took[name], codes[name] = dying(with_containers, name, since)
    assert {name: seconds for name, seconds in took.items() if seconds > OURS_S} == {}
    assert codes == dict.fromkeys(took, "0")


def dying(there: ContainerLaptop, name: str, since: float) -> tuple[float, str]:
    """Give the seconds from a container's signal to its end, by Docker's clock, and its exit code."""
    form = "{{.Action}} {{.TimeNano}} {{.Actor.Attributes.exitCode}}"
    span = ("--since", str(since), "--until", str(time.time()))
    lines = there.docker("events", *span, "--filter", f"container={name}", "--format", form).splitlines()
    events = {line.split()[0]: line.split()[1:] for line in lines}
    return (int(events["die"][0]) - int(events["kill"][0])) / 1e9, events["die"][1]
