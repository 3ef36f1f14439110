"""The front door's transaction under fault: a bad part costs itself alone, and what served goes on serving."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.ops.waiting import wait_until
from tests.support.door import Door, door

pytestmark = pytest.mark.live


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Door]:
    with door(tmp_path) as made:
        yield made


def test_a_bad_route_costs_that_route_alone(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    bad = front.route("bad", body="proxy_read_timeout two three;")
    front.routes(front.route("app", says="new"), bad, front.route("other"))
    assert front.apply().returncode == 0
    assert [front.asks(f"{name}.localhost") for name in ("app", "bad", "other")] == ["new", "no such host", "other"]
    assert sorted(front.runs().routes) == ["app", "other"]
    assert "route bad:" in front.runs().refused
    assert "invalid number of arguments" in front.runs().refused


def test_it_starts_although_one_route_is_bad(front: Door) -> None:
    front.routes(front.route("bad", body="listen what;"), front.route("app"))
    assert sorted(front.started().routes) == ["app"]
    assert "route bad:" in front.runs().refused
    assert front.asks("app.localhost") == "app"


def test_two_routes_that_are_good_alone_and_clash_leave_the_first(front: Door) -> None:
    clash = "return 200 '';\n}\nupstream same { server 127.0.0.1:1;"
    front.routes(front.route("app", body=clash), front.route("later", body=clash))
    front.started()
    assert sorted(front.runs().routes) == ["app"]
    assert 'duplicate upstream "same"' in front.runs().refused


@pytest.mark.parametrize("wrong", ["garbage", "", "the key of another"])
def test_a_certificate_that_nginx_refuses_leaves_the_good_one(front: Door, tmp_path: Path, wrong: str) -> None:
    front.routes(front.route("app"))
    front.started()
    before = front.certificate()
    good = (front.task / "secrets" / "tls.pem").read_text()
    if wrong == "the key of another":
        front.certify(2, keys=tmp_path / "others")
        other = (front.task / "secrets" / "tls.pem").read_text()
        wrong = (
            good.partition("-----BEGIN PRIVATE")[0] + "-----BEGIN PRIVATE" + other.partition("-----BEGIN PRIVATE")[2]
        )
    front.write_pem(wrong)
    front.routes(front.route("app", says="new"))
    assert front.apply().returncode == 0
    assert front.certificate() == before
    assert front.runs().certificate == "1"
    assert "tls.pem" in front.runs().refused
    assert front.asks("app.localhost") == "new", "routes change although the certificate does not"
    front.write_pem(good)
    assert front.apply().returncode == 0
    assert front.runs().refused == ""


def test_each_bad_route_costs_one_test(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    bad = [front.route(f"bad-{number}", body="proxy_read_timeout two three;") for number in range(3)]
    good = [front.route(f"good-{number}") for number in range(100)]
    front.routes(*good[:50], *bad, *good[50:])
    tests = front.local / "tests"
    (front.task / "bin").mkdir()
    wrapper = front.task / "bin" / "nginx"
    wrapper.write_text(f'#!/bin/sh\necho x >> {tests}\nexec /usr/sbin/nginx "$@"\n')
    wrapper.chmod(0o755)
    assert front.apply(folder=wrapper.parent).returncode == 0
    assert len(tests.read_text().splitlines()) == len(bad) + 1
    assert len(front.runs().routes) == 100
    assert front.runs().refused.count("route bad-") == 3


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.99])
def test_what_was_not_written_to_its_end_is_not_taken_up(front: Door, cut: float) -> None:
    front.routes(front.route("app"))
    front.started()
    front.routes(front.route("app", says="new"), front.route("other"))
    text = (front.local / "next" / "sites.conf").read_text()
    (front.local / "next" / "sites.conf").write_text(text[: int(len(text) * cut)])
    assert front.apply().returncode == 1
    assert front.asks("app.localhost") == "app"
    assert "not whole" in front.runs().refused


def test_a_full_disk_leaves_what_runs(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    front.routes(front.route("app", says="new"), *(front.route(f"more-{number}") for number in range(40)))
    limited = subprocess.run(
        ["/bin/bash", "-c", "ulimit -f 4; exec /bin/bash local/apply.sh"],
        cwd=front.task,
        env=front.environment,
        capture_output=True,
        check=False,
    )
    assert limited.returncode != 0
    assert front.asks("app.localhost") == "app"
    assert (front.local / "live" / "sites.conf").stat().st_size > 0
    assert front.apply().returncode == 0
    assert front.asks("app.localhost") == "new"


def test_a_reload_that_takes_long_is_confirmed_in_the_end(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    os.kill(int((front.local / "nginx.pid").read_text()), signal.SIGSTOP)
    front.routes(front.route("app", says="new"))
    assert front.apply().returncode == 1
    assert "does not run" in front.runs().refused
    os.kill(int((front.local / "nginx.pid").read_text()), signal.SIGCONT)
    wait_until(
        lambda: None if not front.runs().refused else front.runs().refused,
        where="NGINX",
        what="confirming",
        deadline_s=20,
    )
    assert front.asks("app.localhost") == "new"


def test_without_anything_good_it_does_not_start_and_says_why(front: Door) -> None:
    front.routes(front.route("app"))
    front.write_pem("garbage")
    front.start()
    assert front.process
    assert front.process.wait(10) == 1
    assert "tls.pem" in (front.task / "stderr.txt").read_text()


def test_a_restart_with_a_bad_certificate_serves_what_served_before(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    assert front.process
    front.process.terminate()
    front.process.wait(10)
    front.write_pem("garbage")
    (front.local / "running.jsonl").unlink()
    front.started()
    assert front.asks("app.localhost") == "app"
    assert "tls.pem" in front.runs().refused
