"""One process on three ports, which starts and stops as one."""

import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nomad_jobs.apps.fw_parse import tls
from nomad_jobs.errors import ConfigError
from tests.support.apps import App, running

FLOW = "2 123456789010 eni-1235b8ca 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"
PORTS = ("--http-port", "0", "--https-port", "0", "--admin-port", "0")


@pytest.fixture(scope="module")
def parser() -> Iterator[App]:
    with running("fw_parse", *PORTS, listeners=3) as app:
        yield app


def unverified() -> ssl.SSLContext:
    """As Consul checks it with tls_skip_verify: the certificate is the instance's own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_http_and_https_parse_text_and_json_alike(parser: App) -> None:
    with httpx.Client(verify=unverified(), trust_env=False) as client:
        text = client.post(parser.url("http") + "/parse", content=f"{FLOW}\nhello")
        wrapped = client.post(parser.url("https") + "/parse", json={"log": f"{FLOW}\nhello"})
    assert text.json() == wrapped.json()
    assert [record["src"] for record in text.json()["records"]] == ["172.31.9.69"]
    assert [error["line"] for error in text.json()["errors"]] == [2]


def test_every_port_answers_health_and_only_admin_shows_figures(parser: App) -> None:
    with httpx.Client(verify=unverified(), trust_env=False) as client:
        for name in ("http", "https", "admin"):
            assert client.get(parser.url(name) + "/health").json() == {"status": "ok"}
        client.post(parser.url("http") + "/parse", content=FLOW)
        stats = client.get(parser.url("admin") + "/stats").json()
        assert stats["lines"]["vpc-flow-v2"] >= 1
        metrics = client.get(parser.url("admin") + "/metrics").text
        assert f'fw_parse_lines_total{{format="vpc-flow-v2"}} {stats["lines"]["vpc-flow-v2"]}.0' in metrics
        for path in ("/stats", "/metrics"):
            assert client.get(parser.url("http") + path).status_code == 404
        assert client.post(parser.url("admin") + "/parse", content=FLOW).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b'{"log": 3}', "application/json", 400), (b"{", "application/json", 400), (b"\n" * 20_001, "text/plain", 413)],
)
def test_what_cannot_be_parsed_is_refused(parser: App, content: bytes, kind: str, status: int) -> None:
    with parser.client() as client:
        assert client.post("/parse", content=content, headers={"Content-Type": kind}).status_code == status


def test_a_body_beyond_eight_megabytes_is_refused_and_the_next_one_is_not(parser: App) -> None:
    with parser.client() as client:
        assert client.post("/parse", content=b"x" * (8 * 1024 * 1024 + 1)).status_code == 413
        assert client.post("/parse", content=b"\xff\xfe").json()["errors"][0]["line"] == 1


def test_sigterm_stops_all_three() -> None:
    with running("fw_parse", *PORTS, listeners=3) as app:
        urls = [app.url(name) for name in ("http", "https", "admin")]
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(10) == 0
        for url in urls:
            with pytest.raises(httpx.ConnectError), httpx.Client(verify=unverified(), trust_env=False) as client:
                client.get(url + "/health")


def test_a_given_certificate_is_served(tmp_path: Path) -> None:
    tls._write(tmp_path, "127.0.0.1")
    context = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
    with (
        running("fw_parse", *PORTS, "--tls-dir", tmp_path, listeners=3) as app,
        httpx.Client(verify=context, trust_env=False) as client,
    ):
        assert client.get(app.url("https") + "/health").status_code == 200


def test_a_folder_without_a_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tls\.crt and tls\.key cannot be used: No such file"):
        tls.load(tmp_path)
