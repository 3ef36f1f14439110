"""What is said before a long installation: how long, why, and what would be quicker."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.ops.toolchain import outlook
from scripts.ops.toolchain.forecast import Costs
from scripts.ops.toolchain.programs import LAPTOP, PROGRAMS, named
from tests.support.publisher import NAME, MakeProgram, Publisher

ROOT = Path(__file__).parents[4]
_GO = "echo go1.26.1; echo auto; echo 1"


def test_where_releases_can_be_reached_nothing_is_advised(publisher: Publisher) -> None:
    del publisher
    (line,) = outlook.lines([PROGRAMS[NAME]])
    assert line.startswith("under a minute for tool; only this once")


def test_where_none_can_be_reached_the_time_comes_first_then_why_then_what_is_quicker(
    on_path: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path("go", _GO)
    on_path("brew", "true")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    first, why, quicker, command = outlook.lines([named(name) for name in LAPTOP])
    assert first.startswith("about ")
    assert " GB for consul, vault-minimal, nomad and example-fs-device; only this once" in first
    assert "releases.hashicorp.com cannot be reached from here" in why
    assert "berth from a machine that has it" in quicker
    assert command == "  brew install hashicorp/tap/consul hashicorp/tap/nomad hashicorp/tap/vault"


def test_what_will_stop_it_is_said_before_it_begins(on_path: MakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert "  it will stop at nomad: Go is not installed" in outlook.lines([named("nomad")])
    on_path("go", _GO.replace("echo 1", "echo 0"))
    assert any("it needs a C compiler" in line for line in outlook.lines([named("nomad")]))


def test_what_was_never_measured_is_said_to_be_so(on_path: MakeProgram) -> None:
    on_path("go", _GO)
    unmeasured = next(program for program in PROGRAMS.values() if program.release is None)
    costs = Costs.read()
    first, *_ = outlook.lines([unmeasured])
    assert ("never measured" in first) == (unmeasured.name not in costs.programs)


@contextmanager
def _saying(answer: bytes) -> Iterator[int]:
    """Answer one connection with `answer`, on a port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("answer", [b"", b"\0\xff\xfe garbage\r\n\r\n"])
def test_a_proxy_that_answers_nonsense_is_one_that_does_not_answer(
    on_path: MakeProgram, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    on_path("go", _GO)
    with _saying(answer) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert any("cannot be reached" in line for line in outlook.lines([named("consul")]))


def test_it_needs_nothing_but_pythons_own_library(tmp_path: Path) -> None:
    """`make up` runs it before the virtual environment is there: -S and -I keep every installed library away."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from scripts.ops.toolchain import outlook; outlook.main()"
    env = {"HOME": str(tmp_path), "PATH": "/nowhere", "https_proxy": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    assert "for consul, vault-minimal, nomad and example-fs-device" in done.stderr
    assert "it will stop at consul: Go is not installed" in done.stderr
