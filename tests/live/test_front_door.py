"""The front door under changes and faults: services go on being served, and none answers for another."""

import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from nomad_jobs.model import Service
from scripts.ops.clients.target import Target
from scripts.ops.local import processes
from scripts.ops.local.setup.seed import seed
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]


CLIENT = httpx.Client(trust_env=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
"""Each request connects anew: a reload closes idle connections, which is not what is tested here."""


@pytest.fixture(scope="module")
def served(target: Target, platform: Laptop) -> Iterator[Service]:
    service = web("test-door", says="served")
    seed([FRONT_DOOR, service], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR, service)
    yield service
    target.nomad.stop("test-door", purge=True)


def get(target: Target, host: str = "test-door.localhost", path: str = "/said") -> httpx.Response:
    platform = target.platform
    url = f"http://{platform.entry}:{platform.http_port}{path}"
    return CLIENT.get(url, headers={"Host": host})


def until(what: str, target: Target, status: int) -> httpx.Response:
    """Ask until an answer has `status`, and give that one: an old worker may still accept the next connection."""
    answers: list[httpx.Response] = []

    def missing() -> str | None:
        answers.append(get(target))
        return None if answers[-1].status_code == status else f"{answers[-1].status_code}"

    wait_until(missing, where="NGINX", what=what, deadline_s=20)
    return answers[-1]


def test_without_a_healthy_instance_it_answers_503_and_when_to_come_back(
    target: Target, platform: Laptop, served: Service
) -> None:
    target.nomad.stop(served.name)
    answer = until("503", target, 503)
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["error"] == "no healthy instance"
    platform.deploy(served)
    assert get(target).text == "served"


def test_it_serves_on_while_consul_is_away(target: Target, served: Service, platform: Laptop) -> None:
    del served
    with stopped("consul", platform):
        assert [get(target).text for _ in range(20)] == ["served"] * 20
    assert get(target).text == "served"


def test_a_rolling_update_loses_no_request(target: Target, platform: Laptop, served: Service) -> None:
    answers: list[int | str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                answers.append(get(target).status_code)
            except httpx.HTTPError as error:
                answers.append(repr(error))

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    try:
        platform.deploy(web(served.name, says="next"))
    finally:
        done.set()
        for thread in asking:
            thread.join()
    assert len(answers) > 100
    assert {answer: answers.count(answer) for answer in set(answers)} == {200: len(answers)}


def test_tls_is_served_with_the_laptops_own_authority(target: Target, served: Service, platform: Laptop) -> None:
    del served
    context = ssl.create_default_context(cafile=platform.state.keys / "ca.crt")
    url = f"https://{target.platform.entry}:{target.platform.https_port}/said"
    with httpx.Client(verify=context, trust_env=False) as client:
        sni = {"sni_hostname": "test-door.localhost"}
        assert client.get(url, headers={"Host": "test-door.localhost"}, extensions=sni).status_code == 200
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        client.get(url)


@contextmanager
def stopped(name: str, platform: Laptop) -> Iterator[None]:
    """Freeze an agent: it keeps its port and answers nothing, as in a partition."""
    agents = [one for one in processes.of_state(platform.state.root) if one.name() == name]
    assert agents
    for agent in agents:
        agent.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for agent in agents:
            agent.send_signal(signal.SIGCONT)
