"""Containers are turned on and off by a word, remembered, and refused before anything begins where they cannot work."""

import os
from pathlib import Path

import pytest

from nomad_jobs.errors import AuthError, ConfigError
from nomad_jobs.platform import Driver
from scripts.ops.local.containers import whole
from scripts.ops.local.doctor import machine
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def test_asking_for_them_chooses_the_daemon_and_a_network_of_the_platforms_own(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///mine.sock")
    found = whole.chosen(Settings(), state, wanted=True).containers
    assert found is not None
    assert found.daemon == "unix:///mine.sock"
    assert found.network.startswith("berth-")
    assert len(found.network) <= 15, "Linux's limit for the name of a bridge"
    other = whole.chosen(Settings(), State(state.root / "other"), wanted=True).containers
    assert other is not None
    assert other.network != found.network


def test_they_stay_as_they_were_until_they_are_turned_off(state: State) -> None:
    on = Settings(containers=Containers(network="berth-x", subnet="10.213.7.0/24"))
    assert whole.chosen(on, state, wanted=None) == on
    assert whole.chosen(on, state, wanted=True) == on
    assert whole.chosen(on, state, wanted=False).containers is None
    assert whole.chosen(Settings(), state, wanted=None) == Settings()


def test_settings_with_containers_come_back_as_they_were_written() -> None:
    settings = Settings(containers=Containers(daemon="unix:///d", network="berth-x", subnet="10.213.7.0/24"))
    assert Settings.from_json(settings.to_json(), where="settings.json") == settings


@pytest.mark.parametrize(
    ("containers", "message"),
    [
        (Containers(network="a-name-too-long-for-a-bridge"), "must be up to 15"),
        (Containers(network="-x"), "must be up to 15"),
        (Containers(subnet="10.213.0.5/24"), "has host bits set"),
        (Containers(subnet="nonsense"), "subnet"),
    ],
)
def test_settings_that_no_network_could_have_are_refused(containers: Containers, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Settings(containers=containers)


def test_a_user_who_is_not_root_is_told_what_to_run() -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(AuthError, match=r"need root, as on a cloud machine.*sudo -E"):
            whole.refuse_impossible(Containers())
    finally:
        os.seteuid(0)


def test_the_platform_record_says_where_they_are() -> None:
    settings = Settings(containers=Containers(network="berth-x", subnet="10.213.7.0/24"), ports={"registry": 5999})
    platform = local_platform(settings)
    assert platform.driver is Driver.DOCKER
    assert platform.container_network is not None
    assert platform.container_network.registry == "10.213.7.1:5999"
    assert platform.entry == "127.0.0.1", "people ask on loopback"
    assert settings.listening["registry"] == 5999
    assert "registry" not in Settings().listening
    assert local_platform(Settings()).container_network is None


def test_doctor_asks_for_the_programs_that_the_platform_runs_and_for_no_others(state: State) -> None:
    for containers, has, has_not in ((Containers(), "docker-registry", "nginx"), (None, "nginx", "docker-registry")):
        checks = {one.check for one in machine.findings(state, Settings(containers=containers))}
        assert f"program {has}" in checks
        assert f"program {has_not}" not in checks
