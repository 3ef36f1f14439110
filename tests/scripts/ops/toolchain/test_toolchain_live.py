"""The real programs: each runs in its version, and Vault was built with the engines that Berth needs."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts.ops.toolchain import gotool, order, present
from scripts.ops.toolchain.programs import PROGRAMS, Program
from scripts.ops.waiting import wait_until

pytestmark = pytest.mark.live
_TOKEN = {"X-Vault-Token": "root"}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)
def test_every_program_is_installed_in_a_good_version(program: Program) -> None:
    found = present.look(program)
    assert isinstance(found, present.Found), found
    if program.version_args:
        assert present.asked(found.path, program.version_args) == found.version


def test_the_device_plugin_is_a_nomad_plugin() -> None:
    plugin = order.resolve("example-fs-device")
    done = subprocess.run([plugin], capture_output=True, text=True, timeout=20, check=False)
    assert "This binary is a plugin" in done.stdout + done.stderr


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[str]:
    """Run a Vault in memory; return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [
        str(order.resolve("vault")), "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root",
        f"-dev-listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with (tmp_path / "vault.log").open("w") as log, subprocess.Popen(argv, env=env, stdout=log, stderr=log) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: _not_ready(address), where="vault", what="answering", deadline_s=30)
            yield address
        finally:
            process.terminate()


def _not_ready(address: str) -> str | None:
    try:
        answer = httpx.get(f"{address}/v1/sys/health")
    except httpx.TransportError as error:
        return str(error)
    return None if answer.status_code == httpx.codes.OK else answer.text


@pytest.mark.parametrize("engine", ["aws", "database"])
def test_vault_has_the_engines_that_a_minimal_build_lacks(vault: str, engine: str) -> None:
    answer = httpx.post(f"{vault}/v1/sys/mounts/{engine}", json={"type": engine}, headers=_TOKEN)
    assert answer.status_code == httpx.codes.NO_CONTENT, answer.text


def test_vault_has_the_postgresql_plugin(vault: str) -> None:
    answer = httpx.get(f"{vault}/v1/sys/plugins/catalog/database?list=true", headers=_TOKEN)
    assert "postgresql-database-plugin" in answer.json()["data"]["keys"]


@pytest.mark.parametrize("module", sorted({program.module for program in PROGRAMS.values()}))
def test_every_pinned_module_is_complete(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = [program.package for program in PROGRAMS.values() if program.module == module]
    for system in ("linux", "darwin"):
        monkeypatch.setenv("GOOS", system)
        argv = ["go", "list", "-mod=readonly", "-deps", *packages]
        done = subprocess.run(argv, cwd=gotool.MODULES / module, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
