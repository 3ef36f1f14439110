"""The containers' network is closed: a neighbour's place is taken, and what it reaches is looked at."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.ops.local.containers import firewall
from scripts.ops.local.doctor import outside
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.waiting import wait_until
from tests.scripts.ops.local.containers.conftest import Room

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

PORT = 20_123
"""Among those that services are published on."""
BESIDE = 19_000
_SERVE = (sys.executable, "-m", "http.server", "--bind")


def rules() -> list[str]:
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    return sorted(line for line in saved.splitlines() if line.startswith("-A"))


def is_closed(held: Containers) -> bool:
    """Whether the rule that keeps others out is there."""
    return any(rule.startswith("-A PREROUTING") and rule.endswith(f"-j {held.network}") for rule in rules())


@contextmanager
def serving(address: str, port: int) -> Iterator[None]:
    """Serve on the bridge's address, where Docker's proxy would."""
    with subprocess.Popen(
        [*_SERVE, address, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until(lambda: None if answers(address, port) else "no", where="server", what="start", deadline_s=20)
            yield
        finally:
            server.terminate()


def answers(address: str, port: int, *within: str) -> bool:
    words = ("curl", "--silent", "--max-time", "3", "--output", "/dev/null", f"http://{address}:{port}/")
    return subprocess.run([*within, *words], check=False).returncode == 0


@contextmanager
def member(held: Containers) -> Iterator[tuple[str, ...]]:
    """Give the words that run a command as a container of the network does."""
    name = "berth-member"
    near = [
        ("netns", "add", name),
        ("link", "add", "m0", "type", "veth", "peer", "name", "eth0", "netns", name),
        ("link", "set", "m0", "master", held.network, "up"),
        ("-n", name, "addr", "add", held.address[:-1] + "77/24", "dev", "eth0"),
        ("-n", name, "link", "set", "eth0", "up"),
    ]
    try:
        for words in near:
            subprocess.run(["ip", *words], check=True)
        yield ("ip", "netns", "exec", name)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


@pytest.fixture
def closed(held: Containers) -> Iterator[Containers]:
    firewall.close(Settings(containers=held), held)
    try:
        yield held
    finally:
        firewall.open_again(held)


def test_a_neighbour_reaches_the_network_until_it_is_closed_and_when_it_is_opened(held: Containers) -> None:
    with serving(held.address, PORT):
        assert outside.look([(held.address, PORT)]).reached == ((held.address, PORT),)
        firewall.close(Settings(containers=held), held)
        seen = outside.look([(held.address, PORT)])
        assert (seen.reached, seen.is_heard, seen.asked) == ((), True, 1)
        assert answers(held.address, PORT), "this machine itself must reach it"
        firewall.open_again(held)
        assert outside.look([(held.address, PORT)]).reached == ((held.address, PORT),)


def test_the_rules_leave_nothing_behind_and_twice_is_once(held: Containers) -> None:
    before = rules()
    firewall.close(Settings(containers=held), held)
    once = rules()
    firewall.close(Settings(containers=held), held)
    assert rules() == once != before
    firewall.open_again(held)
    assert rules() == before
    firewall.open_again(held)


def test_other_platforms_rules_stay(closed: Containers, room: Room) -> None:
    other = Containers(daemon=room.docker.host, network="berth-other", subnet="10.213.250.0/24")
    before = rules()
    firewall.close(Settings(containers=other), other)
    firewall.open_again(other)
    assert rules() == before
    assert is_closed(closed)


def test_a_container_reaches_what_is_published_although_the_host_refuses_all_else(closed: Containers) -> None:
    """As on a laptop where ufw runs: its rules would refuse what comes from a bridge."""
    with serving(closed.address, PORT), serving("0", BESIDE), member(closed) as within:
        assert answers(closed.address, PORT, *within)
        assert not answers(closed.address, BESIDE, *within), "the laptop's other listeners are not theirs"
        subprocess.run(["iptables", "-A", "INPUT", "-i", closed.network, "-j", "DROP"], check=True)
        try:
            assert answers(closed.address, PORT, *within)
            assert not answers(closed.address, BESIDE, *within)
        finally:
            subprocess.run(["iptables", "-D", "INPUT", "-i", closed.network, "-j", "DROP"], check=True)


def test_what_is_on_loopback_is_tried_at_this_machines_own_address(closed: Containers) -> None:
    with serving("127.0.0.1", BESIDE):
        assert outside.look([("127.0.0.1", BESIDE)]).reached == ()
    with serving("0", BESIDE):
        ((address, port),) = outside.look([("127.0.0.1", BESIDE)]).reached
    assert port == BESIDE
    assert not address.startswith("127.")
    assert is_closed(closed)


def test_a_machine_that_lets_nobody_in_proves_nothing_and_says_so(closed: Containers) -> None:
    subprocess.run(["iptables", "-I", "INPUT", "!", "-i", "lo", "-j", "DROP"], check=True)
    try:
        seen = outside.look([(closed.address, PORT)])
    finally:
        subprocess.run(["iptables", "-D", "INPUT", "!", "-i", "lo", "-j", "DROP"], check=True)
    assert (seen.reached, seen.is_heard) == ((), False)


def test_the_neighbour_is_gone_afterwards(held: Containers) -> None:
    outside.look([(held.address, PORT)])
    shown = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert "berth-" not in shown
