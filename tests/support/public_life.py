"""What happens to services that run public images: requests all the time, a drained node, an end."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx

from scripts.ops.clients.target import Target
from scripts.ops.waiting import wait_until
from tests.support.public_laptop import PublicLaptop
from tests.support.public_services import FIVE

SLOW = ("nginx", "shop")
"""Those that have requests of six seconds, at /slow."""


@contextmanager
def asked(target: Target) -> Iterator[dict[str, Counter[str]]]:
    """Ask every service all the time until the end of the block; count what came back.

    Each request has a client of its own: threads that share one close each other's connections.
    """
    counted: dict[str, Counter[str]] = {}
    done = threading.Event()

    def ask(name: str, path: str) -> None:
        while not done.is_set():
            counted.setdefault(f"{name}{path}", Counter())[_answer(target, name, path)] += 1

    wanted = [(one.name, one.route.sample.path) for one in FIVE if one.route]
    wanted += [(name, "/slow") for name in SLOW for _ in range(2)]
    threads = [threading.Thread(target=ask, args=one) for one in wanted]
    for number, thread in enumerate(threads):
        thread.start()
        done.wait(number * 0.1)  # so that slow requests end at different moments
    try:
        yield counted
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _answer(target: Target, name: str, path: str) -> str:
    url = f"http://{target.platform.entry}:{target.platform.http_port}{path}"
    try:
        with httpx.Client(trust_env=False, timeout=10) as client:
            return str(client.get(url, headers={"Host": f"{name}.localhost"}).status_code)
    except httpx.HTTPError as error:
        return repr(error)


def lost(counted: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    assert len(counted) == len(FIVE) + len(SLOW)
    return {name: answers for name, answers in counted.items() if set(answers) != {"200"}}


def containers(there: PublicLaptop, name: str) -> list[str]:
    return there.docker("ps", "--quiet", "--filter", f"name=^{name}-").split()


def drain(there: PublicLaptop, node: str) -> None:
    nomad = there.laptop.nomad
    spec = {"DrainSpec": {"Deadline": 120 * 10**9, "IgnoreSystemJobs": True}}
    nomad.put(f"/v1/node/{node}/drain", json=spec)

    def missing() -> str | None:
        rows = nomad.get(f"/v1/node/{node}/allocations")
        left = [row["JobID"] for row in rows if row["ClientStatus"] == "running" and row["JobID"] != "ingress"]
        return f"{', '.join(left)} still there" if left else None

    wait_until(missing, where="Nomad", what="the drain", deadline_s=100)
    nomad.put(f"/v1/node/{node}/drain", json={"DrainSpec": None, "MarkEligible": True})


def running(target: Target, job: str) -> str:
    rows = target.nomad.allocations(job).body or ()
    (row,) = [row for row in rows if row["DesiredStatus"] == "run" and row["ClientStatus"] == "running"]
    return str(row["ID"])


def ended(there: PublicLaptop, allocation: str) -> tuple[int, str]:
    """Wait until it has ended; give its exit code, and what it wrote last."""
    read = partial(there.laptop.nomad.get, f"/v1/allocation/{allocation}")
    wait_until(
        lambda: None if read()["ClientStatus"] == "complete" else "it runs",
        where=allocation,
        what="its end",
        deadline_s=60,
    )
    row = read()
    events = row["TaskStates"][row["TaskGroup"]]["Events"]
    code = [int(event["Details"]["exit_code"]) for event in events if event["Type"] == "Terminated"][-1]
    tail = partial(there.laptop.target.nomad.log_tail, allocation, row["TaskGroup"])
    return code, tail("stderr") + tail("stdout")
