"""What passes through the front door, and what does not: headers, bodies, WebSockets, HTTP/2."""

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psutil
import pytest

from scripts.ops.clients.target import Target
from tests.support.echoes import HOST, ask, echoes, raw
from tests.support.laptop import Laptop

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

MIB = 2**20


@pytest.fixture(scope="module")
def front(platform: Laptop) -> Iterator[httpx.Client]:
    with echoes(platform) as client:
        yield client


def test_the_host_keeps_its_port(front: httpx.Client) -> None:
    said = ask(front, host=f"{HOST}:8080")["headers"]
    assert said["Host"] == f"{HOST}:8080"
    assert said["X-Forwarded-Host"] == f"{HOST}:8080"


@pytest.mark.parametrize(
    ("line", "host", "told"),
    [
        ("/said", HOST, HOST),
        ("/said", f"{HOST}:8080", f"{HOST}:8080"),
        ("/said", HOST.upper(), HOST),
        (f"http://{HOST}/said", "evil.example", HOST),
        (f"http://{HOST}:81/said", "evil.example:1", HOST),
    ],
)
def test_a_service_is_told_the_host_that_was_routed_by(
    front: httpx.Client, target: Target, line: str, host: str, told: str
) -> None:
    del front
    answer = raw(target, f"GET {line} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    said = json.loads(answer.rpartition("\r\n\r\n")[2])["headers"]
    assert (said["Host"], said["X-Forwarded-Host"]) == (told, told)


def test_nobody_outside_says_whom_a_request_is_from(front: httpx.Client, platform: Laptop) -> None:
    names = ("X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded")
    spelled = {name.replace("-", mark) for name in names for mark in "-_"}
    spelled |= {"X_Forwarded-For", "X-Forwarded_For", "X_Real-IP", "X-Real_IP", "X_Forwarded-Proto", "X-Forwarded_Host"}
    said = ask(front, **dict.fromkeys(spelled, "6.6.6.6"))["headers"]
    docker = platform.settings.containers
    caller = docker.address if docker else "127.0.0.1"  # Docker's proxy passes on what comes to its loopback
    assert [name for name, value in said.items() if "6.6.6.6" in value] == []
    assert (said["X-Real-IP"], said["X-Forwarded-For"]) == (caller, caller)


def test_headers_with_underscores_arrive(front: httpx.Client) -> None:
    assert ask(front, api_key="k", x_request_id="1")["headers"]["api_key"] == "k"


@pytest.mark.parametrize("size", [12_000, 30_000])
def test_large_headers_pass_both_ways(front: httpx.Client, size: int) -> None:
    assert len(ask(front, **{"X-Token": "t" * size})["headers"]["X-Token"]) == size
    answer = front.get(f"/headers/{size}", headers={"Host": HOST})
    assert (answer.status_code, len(answer.headers["X-Large"])) == (200, size)


def test_a_websocket_talks_through(front: httpx.Client, target: Target) -> None:
    del front
    with closing(socket.create_connection((target.platform.entry, target.platform.http_port), timeout=10)) as sock:
        lines = ("GET /socket HTTP/1.1", f"Host: {HOST}", "Upgrade: WebSocket", "Connection: Upgrade")
        key = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "")
        sock.sendall("\r\n".join((*lines, *key)).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        for text in (b"hello", b"again"):
            sock.sendall(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
            assert sock.recv(64) == bytes((0x81, len(text))) + text


def test_no_other_upgrade_reaches_a_service(front: httpx.Client) -> None:
    said = ask(front, **{"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"})
    assert "Upgrade" not in said["headers"]
    assert "upgrade" not in said["headers"].get("Connection", "").lower()


def test_http_2_is_spoken_over_tls_and_http_1_still(front: httpx.Client, target: Target, platform: Laptop) -> None:
    del front
    for offered, spoken in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")):
        context = ssl.create_default_context(cafile=platform.state.keys / "ca.crt")
        context.set_alpn_protocols(offered)
        address = (target.platform.entry, target.platform.https_port)
        tls = context.wrap_socket(socket.create_connection(address, timeout=10), server_hostname=HOST)
        with closing(tls):
            assert tls.selected_alpn_protocol() == spoken


def test_curl_gets_an_answer_over_http_2(front: httpx.Client, target: Target, platform: Laptop) -> None:
    del front
    url = f"https://{HOST}:{target.platform.https_port}/said"
    resolve = f"{HOST}:{target.platform.https_port}:{target.platform.entry}"
    argv = ["curl", "-s", "--http2", "--cacert", str(platform.state.keys / "ca.crt"), "--resolve", resolve]
    done = subprocess.run([*argv, "-w", "\n%{http_version}", url], capture_output=True, text=True, check=True)
    body, version = done.stdout.rsplit("\n", 1)
    assert (version, json.loads(body)["headers"]["Host"]) == ("2", f"{HOST}:{target.platform.https_port}")


def test_a_body_larger_than_the_route_allows_is_refused(front: httpx.Client) -> None:
    answer = front.post("/said", content=b"x" * (MIB + 1), headers={"Host": "test-open-docs.localhost"})
    assert answer.status_code == 413


def test_large_bodies_fill_no_memory(front: httpx.Client, platform: Laptop, tmp_path: Path) -> None:
    del front
    large = tmp_path / "body"
    with large.open("wb") as file:
        file.truncate(150 * MIB)
    url = f"http://{platform.platform.entry}:{platform.platform.http_port}/said"
    argv = ["curl", "-s", "-H", f"Host: {HOST}", "-H", "Expect:", "--data-binary", f"@{large}", url]
    with ExitStack() as running:
        uploads = [running.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)) for _ in range(4)]
        largest = 0
        while any(upload.poll() is None for upload in uploads):
            largest = max(largest, _nginx_bytes(platform))
        answers = [json.loads(upload.communicate()[0]) for upload in uploads]
    assert [answer["length"] for answer in answers] == [150 * MIB] * 4
    assert 0 < largest < 100 * MIB


def _nginx_bytes(platform: Laptop) -> int:
    """Measure the memory that only NGINX's workers use."""
    total = 0
    for process in platform.task_processes():
        try:
            if process.name() == "nginx":
                total += process.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return total
