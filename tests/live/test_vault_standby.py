"""`berth secrets` writes through a standby of Vault, and once where the active server changes on the way."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.clients.vault import Vault
from scripts.ops.local.sessions import session
from scripts.ops.secrets.known import Known
from scripts.ops.secrets.values import Values
from scripts.ops.secrets.writing import Writer
from scripts.ops.toolchain.order import resolve
from scripts.ops.waiting import wait_until
from tests.support.laptop import free_port
from tests.support.platforms import LAPTOP

pytestmark = pytest.mark.live

SECRET = Known(name="mine/key", fields=("value",))
CONFIG = """
storage "raft" {{
  path = "{folder}"
  node_id = "{name}"
  retry_join {{
    leader_api_addr = "{first}"
  }}
}}
listener "tcp" {{
  address = "127.0.0.1:{api}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{api}"
cluster_addr = "https://127.0.0.1:{cluster}"
disable_mlock = true
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two servers of one Vault: the first is active, the second stands by."""

    active: str
    standby: str
    token: str


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as held:
        api = [free_port(held) for _ in range(2)]
        cluster = [free_port(held) for _ in range(2)]
    urls = [f"http://127.0.0.1:{port}" for port in api]
    with ExitStack() as running:
        for at, name in enumerate(("first", "second")):
            folder = tmp_path / name
            folder.mkdir()
            text = CONFIG.format(folder=folder, name=name, first=urls[0], api=api[at], cluster=cluster[at])
            (tmp_path / f"{name}.hcl").write_text(text)
            running.enter_context(server(tmp_path / f"{name}.hcl"))
        yield Pair(active=urls[0], standby=urls[1], token=opened(*urls))


@contextmanager
def server(config: Path) -> Iterator[None]:
    with (
        config.with_suffix(".log").open("wb") as log,
        subprocess.Popen([resolve("vault"), "server", f"-config={config}"], stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.kill()


def opened(first: str, second: str) -> str:
    """Initialise the first server and unseal both; give the root token."""
    await_status(first, {501, 503})
    with session("Vault", first) as vault:
        made = vault.put("/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1})
        vault.put("/v1/sys/unseal", json={"key": made["keys_base64"][0]})
    await_status(first, {200})
    await_status(second, {503})  # it has joined, and is sealed
    with session("Vault", second) as vault:
        vault.put("/v1/sys/unseal", json={"key": made["keys_base64"][0]})
    await_status(second, {429})
    with session("Vault", first, made["root_token"]) as vault:
        vault.post("/v1/sys/mounts/secret", json={"type": "kv", "options": {"version": "2"}})
    return str(made["root_token"])


def await_status(url: str, wanted: set[int]) -> None:
    def missing() -> str | None:
        try:
            status = httpx.get(f"{url}/v1/sys/health", trust_env=False).status_code
        except httpx.TransportError as error:
            return str(error)
        return None if status in wanted else str(status)

    wait_until(missing, where=url, what=f"status {wanted}", deadline_s=30)


def looked_at(vault: Vault) -> Writer:
    """Look at the secret as soon as the servers answer: a new engine, and a new standby, refuse for a moment."""
    found: list[Writer] = []

    def missing() -> str | None:
        try:
            found.append(Writer.of(SECRET, LAPTOP, vault))
        except BerthError as error:
            return error.what
        return None

    wait_until(missing, where="Vault", what="an answer", deadline_s=30)
    return found[0]


def test_a_standby_passes_on_and_a_change_of_the_active_server_costs_no_write(pair: Pair) -> None:
    vault = Vault(pair.standby, pair.token)
    try:
        assert looked_at(vault).write(Values({"value": "one"})) == 1
        writer = looked_at(vault)
        with session("Vault", pair.active, pair.token) as active:
            active.put("/v1/sys/step-down")
        assert writer.write(Values({"value": "two"})) == 2
        assert vault.secret("default/mine/key") == {"value": "two"}
        assert vault.newest("default/mine/key").version == 2
    finally:
        vault.close()
