"""What is said of a Docker daemon that is not there, not ours to use, or not of the kind that containers here need."""

import json
import os
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from nomad_jobs.errors import AuthError, BerthError, ConfigError
from scripts.ops import docker_daemon
from scripts.ops.local.containers.daemon import connected, refuse_proxy

_NOBODY = 65534


def refused(url: str, kind: type[BerthError]) -> str:
    with pytest.raises(kind) as caught, connected(url):
        pass
    return str(caught.value)


@contextmanager
def speaking(path: Path, answers: Mapping[str, tuple[int, object]]) -> Iterator[str]:
    """Answer as a daemon does, for what no daemon here can be made to say."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = next((one for end, one in answers.items() if self.path.endswith(end)), (404, {}))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def address_string(self) -> str:
            return "a socket"

        def log_message(self, format: str, *args: object) -> None:
            pass

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


def test_without_a_daemon_the_socket_is_named_and_the_way_without_containers(tmp_path: Path) -> None:
    said = refused(f"unix://{tmp_path}/docker.sock", BerthError)
    assert f"no Docker daemon answers at {tmp_path}/docker.sock (No such file or directory)" in said
    assert "start Docker, or give --no-containers" in said


def test_a_daemon_that_this_user_may_not_reach_names_the_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    with speaking(tmp_path / "d", {}) as url:
        (tmp_path / "d").chmod(0o600)  # the test keeps its group, which is root
        os.seteuid(_NOBODY)
        try:
            said = refused(url, AuthError)
        finally:
            os.seteuid(0)
    assert "this user may not reach the Docker daemon" in said
    assert "group `docker`" in said


@pytest.mark.parametrize("url", ["tcp://10.0.0.5:2375", "ssh://somewhere"])
def test_a_daemon_of_another_machine_is_refused_before_it_is_asked(url: str) -> None:
    assert "may be another machine's" in refused(url, ConfigError)


def test_a_rootless_daemon_is_refused_since_its_network_is_elsewhere(tmp_path: Path) -> None:
    answers = {"/version": (200, {"ApiVersion": "1.41"}), "/info": (200, {"SecurityOptions": ["name=rootless"]})}
    with speaking(tmp_path / "d", answers) as url:
        assert "the daemon is rootless" in refused(url, ConfigError)


def test_a_daemon_that_maps_users_is_refused_since_files_would_be_nobodys(tmp_path: Path) -> None:
    answers = {"/version": (200, {"ApiVersion": "1.41"}), "/info": (200, {"SecurityOptions": ["name=userns"]})}
    with speaking(tmp_path / "d", answers) as url:
        assert "userns-remap" in refused(url, ConfigError)


@pytest.mark.parametrize("exceptions", ["", "localhost,127.0.0.0/8", "10.213.1.0/24"])
def test_a_daemon_that_asks_a_proxy_for_the_registry_is_refused(exceptions: str) -> None:
    with pytest.raises(ConfigError, match=r"asks the proxy http://proxy:3128 .* add 10\.213\.0\.1 to NO_PROXY"):
        refuse_proxy({"HttpsProxy": "http://proxy:3128", "NoProxy": exceptions}, "10.213.0.1:5050")


@pytest.mark.parametrize("exceptions", ["10.213.0.1", "localhost, 10.213.0.0/16", "*"])
def test_a_proxy_with_an_exception_for_the_registry_is_right(exceptions: str) -> None:
    refuse_proxy({"HttpsProxy": "http://proxy:3128", "NoProxy": exceptions}, "10.213.0.1:5050")
    refuse_proxy({"HttpsProxy": ""}, "10.213.0.1:5050")


def test_a_daemon_that_refuses_is_quoted(tmp_path: Path) -> None:
    answers = {"/version": (200, {"ApiVersion": "1.41"}), "/info": (500, {"message": "the disk is full"})}
    with speaking(tmp_path / "d", answers) as url:
        assert "refused: the disk is full" in refused(url, BerthError)


def test_what_answers_and_is_no_daemon_is_no_success(tmp_path: Path) -> None:
    with speaking(tmp_path / "d", {}) as url:
        assert "Docker" in refused(url, BerthError)


def test_docker_host_chooses_and_an_empty_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere")
    assert docker_daemon.chosen() == "unix:///somewhere"
    monkeypatch.setenv("DOCKER_HOST", "")
    assert docker_daemon.chosen() == docker_daemon.DEFAULT
