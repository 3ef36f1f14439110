"""The front door's transaction with the real NGINX: it runs what it says, and a bad route harms no other."""

import os
import signal
import socket
import subprocess
import threading
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


def master(front: Door) -> str:
    return (front.local / "nginx.pid").read_text()


def test_what_it_runs_is_written_down_once_nginx_says_so_itself(front: Door) -> None:
    front.routes(front.route("app"))
    said = front.started()
    assert (sorted(said.routes), said.certificate, said.refused) == (["app"], "1", "")
    front.routes(front.route("app"), front.route("other"))
    assert front.apply().returncode == 0
    assert sorted(front.runs().routes) == ["app", "other"]
    assert front.runs().generation != said.generation
    assert front.asks("other.localhost") == "other"


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


def test_the_longest_host_name_there_can_be_is_served(front: Door) -> None:
    host = ".".join(["a" * 63] * 3 + ["b" * 50])
    front.routes(front.route("app", host=host), front.route("other"))
    front.started()
    assert front.runs().refused == ""
    assert front.asks(f"{host}.localhost") == "app"


def test_the_same_again_reloads_nothing(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    children = Path(f"/proc/{int(master(front))}/task/{int(master(front))}/children")
    workers = children.read_text()
    assert front.apply().returncode == 0
    assert children.read_text() == workers


def test_a_new_certificate_is_a_reload_that_closes_no_port(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    before = front.certificate()
    process = master(front)
    answers = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(front.asks("app.localhost"))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        front.certify(2)
        assert front.apply().returncode == 0
    finally:
        done.set()
        asking.join()
    assert front.certificate() != before
    assert front.runs().certificate == "2"
    assert master(front) == process
    assert set(answers) == {"app"}


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
    os.kill(int(master(front)), signal.SIGSTOP)
    front.routes(front.route("app", says="new"))
    assert front.apply().returncode == 1
    assert "does not run" in front.runs().refused
    os.kill(int(master(front)), signal.SIGCONT)
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


def test_it_stops_when_the_last_answer_has_ended(front: Door) -> None:
    go_on = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        body = f"location / {{ proxy_pass http://127.0.0.1:{upstream.getsockname()[1]}; }}"
        front.routes(front.route("app", body=body))
        front.started()
        answering = threading.Thread(target=_answer_in_two_parts, args=(upstream, go_on), daemon=True)
        answering.start()
        with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")
            received = b""
            while b"first" not in received:
                chunk = connection.recv(1000)
                assert chunk, received
                received += chunk
            assert front.process
            front.process.send_signal(signal.SIGQUIT)
            wait_until(lambda: _open(front), where="NGINX", what="closing its port", deadline_s=10)
            go_on.set()
            received += b"".join(iter(lambda: connection.recv(65536), b""))
        answering.join(10)
    assert received.endswith(b"first second")
    assert front.process.wait(10) == 0


def _answer_in_two_parts(upstream: socket.socket, go_on: threading.Event) -> None:
    connection, _ = upstream.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfirst")
        go_on.wait(20)
        connection.sendall(b" second")


def _open(front: Door) -> str | None:
    try:
        socket.create_connection(("127.0.0.1", front.port), timeout=1).close()
    except OSError:
        return None
    return "it takes connections"


def test_a_reload_that_nginx_does_not_hear_is_told_again(front: Door) -> None:
    front.routes(front.route("app"))
    front.started()
    front.routes(front.route("app", says="new"))
    pid = front.local / "nginx.pid"
    held = pid.read_text()
    pid.write_text("")  # as in the moment between the test of a configuration and NGINX's start
    assert front.apply().returncode == 0
    assert front.asks("app.localhost") == "app"
    pid.write_text(held)
    assert front.apply("confirm").returncode == 0
    assert front.asks("app.localhost") == "new"
