"""The machines' network on a machine whose firewall forbids everything, as Docker, ufw and firewalld may leave it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.machine.system import until
from tests.support.machines.account import account
from tests.support.machines.namespaces import Namespace
from tests.support.machines.network import ADDRESS, Network, network

pytestmark = [
    pytest.mark.live,
    pytest.mark.xdist_group("machines"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root"),
]
NFT = Path("/usr/sbin/nft")
ROOT = Path(__file__).parents[2]
FORBIDDEN = """
table bridge hostile {
  chain forward { type filter hook forward priority 0; policy drop; }
}
table inet hostile {
  chain forward { type filter hook forward priority 0; policy drop; }
  chain input { type filter hook input priority 0; policy drop; }
  chain output { type filter hook output priority 0; policy drop; }
}
"""
"""Rules that drop everything, loopback included; `bridge` does what bridge-nf-call-iptables does with Docker."""
RUNS = f"""
import os, subprocess, time
from tests.support.machines.network import WITH_US, network
with network() as made, made.join("{ADDRESS}.10").inside():
    subprocess.Popen((*WITH_US, "sleep", "600"))
    print(os.readlink("/proc/thread-self/ns/net"), flush=True)
    time.sleep(600)
"""


def forbid(where: Namespace) -> None:
    """Put the rules into a namespace."""
    assert NFT.exists(), f"no {NFT} here: `berth tools install --for-tests` brings it"
    with where.inside():
        subprocess.run((NFT, "-f", "-"), input=FORBIDDEN, text=True, check=True)


def own() -> Path:
    """Name the namespace that this thread is in."""
    return Path("/proc/thread-self/ns/net").readlink()


def inhabitants(namespace: Path) -> list[str]:
    """List the processes in a namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/net").readlink() == namespace:
                found.append((process / "comm").read_text().strip())
        except OSError:  # the process has ended meanwhile, or is ending
            continue
    return found


@pytest.fixture
def host() -> Iterator[None]:
    """Put this thread into a namespace with such rules, since a test must not change the real machine's."""
    stands_for_it = Namespace()
    forbid(stands_for_it)
    with stands_for_it.inside():
        yield
    stands_for_it.close()


@pytest.fixture
def made() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.mark.usefixtures("host")
def test_no_rule_of_the_host_stands_between_the_machines_and_who_tests_them(made: Network) -> None:
    made.prove()


@pytest.mark.usefixtures("host")
def test_no_rule_of_the_host_stands_before_awss_stand_in(made: Network, tmp_path: Path) -> None:
    with account(tmp_path) as aws, made.join(f"{ADDRESS}.10").inside():
        assert aws.client("sts").get_caller_identity()["Account"]


def test_rules_that_do_hold_on_the_network_are_told_at_once(made: Network) -> None:
    """So the rules of the tests above would be noticed, if they applied."""
    forbid(made.router)
    with pytest.raises(ConnectionError, match=rf"does not reach {ADDRESS}.254 \(timed out\): .*bpftool cgroup tree"):
        made.prove()


def test_a_run_that_may_make_no_namespaces_is_told_what_it_lacks() -> None:
    lacking = ("/usr/bin/setpriv", "--inh-caps", "-sys_admin", "--bounding-set", "-sys_admin")
    make = "from tests.support.machines.namespaces import Namespace; Namespace()"
    done = subprocess.run((*lacking, sys.executable, "-c", make), cwd=ROOT, capture_output=True, text=True, check=False)
    assert "unshare() of a network namespace failed (Operation not permitted)" in done.stderr
    assert "started with --privileged" in done.stderr


def test_networks_beside_each_other_do_not_meet() -> None:
    home = own()
    with network() as first, network() as second:
        first.prove()
        second.prove()
    assert own() == home


def test_a_killed_test_run_leaves_nothing() -> None:
    argv = (sys.executable, "-c", RUNS)
    with subprocess.Popen(argv, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        namespace = Path(run.stdout.readline().strip())
        assert len(inhabitants(namespace)) == 2
        run.kill()
    until(lambda: ", ".join(inhabitants(namespace)), "the end of the killed run's network", 10)
