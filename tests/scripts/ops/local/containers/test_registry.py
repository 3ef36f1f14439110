"""The laptop's registry: it serves whom Vault's login names, over TLS by the laptop's authority, and nobody else."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.errors import AuthError, BerthError
from scripts.ops.docker_login import Login
from scripts.ops.local.containers import registry
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.state import State
from scripts.ops.registry import Lookup
from scripts.ops.waiting import wait_until
from tests.support.laptop import free_ports

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

LOGIN = Login("somebody", "a pass:word ü")


@contextmanager
def running(settings: Settings, state: State) -> Iterator[None]:
    config = state.run / "registry.yml"
    state.write(config, registry.configuration(settings, state))
    with (
        (state.logs / "registry.log").open("wb") as log,
        subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log, env={}) as process,
    ):
        try:
            wait_until(lambda: _missing(settings), where="registry", what="start", deadline_s=30)
            yield
        finally:
            process.terminate()


def _missing(settings: Settings) -> str | None:
    try:
        return registry.missing(settings)
    except BerthError as error:
        return error.what


def look_up(settings: Settings, login: Login | None) -> str:
    ends_at = time.monotonic() + 10
    trust = registry.authority(settings.registry)
    name = f"{settings.registry}/app:1"
    with Lookup(name, ends_at=ends_at, logins=lambda _: login, ca_file=trust) as lookup:
        return lookup.digest()


@pytest.fixture
def supplied(held: Containers, tmp_path: Path) -> Iterator[tuple[Settings, State]]:
    state = State(tmp_path / "state")
    state.open()
    with free_ports() as ports:
        settings = Settings(ports=ports, containers=held)
        assert registry.supply(settings, state, LOGIN), "it has a new certificate"
        yield settings, state
        registry.forget(settings)
        assert not registry.authority(settings.registry).parent.exists()


def test_it_knows_its_login_and_refuses_all_others(supplied: tuple[Settings, State]) -> None:
    settings, state = supplied
    with running(settings, state):
        with pytest.raises(BerthError, match="has no tag"):
            look_up(settings, LOGIN)
        for login in (None, Login(LOGIN.username, "wrong"), Login("nobody", LOGIN.password)):
            with pytest.raises(AuthError):
                look_up(settings, login)


def test_what_is_right_is_not_written_again(supplied: tuple[Settings, State]) -> None:
    settings, state = supplied
    before = {path: path.stat().st_mtime_ns for path in state.keys.iterdir()}
    assert not registry.supply(settings, state, LOGIN)
    assert {path: path.stat().st_mtime_ns for path in state.keys.iterdir()} == before


def test_a_login_changed_in_vault_opens_it_without_a_restart_and_the_old_one_does_not(
    supplied: tuple[Settings, State],
) -> None:
    settings, state = supplied
    with running(settings, state):
        changed = Login(LOGIN.username, "another")
        assert not registry.supply(settings, state, changed), "no restart is needed"
        with pytest.raises(BerthError, match="has no tag"):
            look_up(settings, changed)
        with pytest.raises(AuthError):
            look_up(settings, LOGIN)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"username": "a", "password": "x" * 73}, "password is longer than 72 bytes"),
        ({"username": "a", "password": "x\ny"}, "password must be a text without line ends"),
        ({"username": "a\nb", "password": "x"}, "username must be a text without line ends"),
        ({"username": "a:b", "password": "x"}, "username must have no colon"),
        ({"username": 7, "password": ["x"]}, "username must be a text.*password must be a text"),
        ({"username": "a"}, "password must be a text"),
    ],
)
def test_a_login_that_no_registry_could_have_is_named(values: dict[str, Any], says: str) -> None:
    assert re.search(says, "; ".join(registry._faults(values)))


def test_a_certificate_that_somebody_damaged_is_made_again(supplied: tuple[Settings, State]) -> None:
    settings, state = supplied
    (state.keys / "registry.pem").write_text("garbage")
    assert registry.supply(settings, state, LOGIN)
    with running(settings, state), pytest.raises(BerthError, match="has no tag"):
        look_up(settings, LOGIN)


def test_docker_itself_logs_in_and_says_what_it_does_not_trust(supplied: tuple[Settings, State]) -> None:
    settings, state = supplied
    assert settings.containers is not None
    with running(settings, state):
        registry.try_login(settings.containers, settings.registry, LOGIN)
        with pytest.raises(BerthError, match=r"Docker cannot log in.*401 Unauthorized"):
            registry.try_login(settings.containers, settings.registry, Login(LOGIN.username, "wrong"))
        registry.authority(settings.registry).unlink()
        with pytest.raises(BerthError, match=r"Docker cannot log in.*x509"):
            registry.try_login(settings.containers, settings.registry, LOGIN)


def test_another_address_gets_another_certificate(supplied: tuple[Settings, State]) -> None:
    settings, state = supplied
    moved = Settings(containers=Containers(network="berth-moved", subnet="10.213.9.0/24"))
    try:
        assert registry.supply(moved, state, LOGIN)
    finally:
        registry.forget(moved)
    assert registry.supply(settings, state, LOGIN), "and back"


def test_no_file_of_it_is_for_others(supplied: tuple[Settings, State]) -> None:
    _, state = supplied
    for name in ("registry.pem", "registry-htpasswd"):
        assert (state.keys / name).stat().st_mode & 0o077 == 0
    assert state.docker_config.stat().st_mode & 0o077 == 0
    assert LOGIN.password not in (state.keys / "registry-htpasswd").read_text()
