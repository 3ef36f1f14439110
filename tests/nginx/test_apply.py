"""The front door's transaction with the real NGINX: it runs what it says, and a bad route harms no other."""

import signal
import socket
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
