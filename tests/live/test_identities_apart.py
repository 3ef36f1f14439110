"""Vault, Consul and Nomad tell apart a service whose name begins with another's: neither reads the other's secrets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nomad_jobs.errors import ConfigError
from nomad_jobs.model import File, Secret, Service
from scripts.ops.clients.target import Target
from scripts.ops.local.setup.seed import seed
from tests.live.test_deploy import last_events
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

SHORT, LONG = "test-app", "test-app-worker"


def keeper(name: str) -> Service:
    return web(name, files=(File(path="secrets/key", parts=(Secret(name="key")["value"],)),))


@pytest.fixture(scope="module")
def both(target: Target, platform: Laptop) -> Iterator[tuple[Service, ...]]:
    services = (FRONT_DOOR, keeper(SHORT), keeper(LONG))
    seed(services, target.platform, target.vault, platform.state.keys)
    platform.deploy(*services)
    yield services
    for service in services[1:]:
        target.nomad.stop(service.name, purge=True)


def test_each_has_its_own_secret(both: tuple[Service, ...], target: Target, platform: Laptop) -> None:
    del both
    for name in (SHORT, LONG):
        value = target.vault.secret(f"default/{name}/key")["value"]
        assert (platform.task_folder(name) / "secrets" / "key").read_text() == json.dumps(value)


@pytest.mark.parametrize(("thief", "owner"), [(LONG, SHORT), (SHORT, LONG)])
@pytest.mark.parametrize("role", ["the owner's", "its own"])
@pytest.mark.usefixtures("both")
def test_neither_reads_the_others(platform: Laptop, thief: str, owner: str, role: str) -> None:
    target = platform.target
    asks = f"berth-{owner if role != 'its own' else thief}"
    job = _stealing(target, thief, asks, f"secret/data/default/{owner}/key")
    wanted = "does not match any associated bound claim values" if role != "its own" else "Missing: vault.read"
    platform.nomad.put("/v1/jobs", json={"Job": job})
    try:
        assert wanted in last_events(target, thief, wanted)
    finally:
        platform.deploy(keeper(thief))


def _stealing(target: Target, thief: str, role: str, path: str) -> dict[str, Any]:
    """The thief's own job, with a template that asks for the other's secret."""
    job = target.nomad.job(thief)
    assert job
    task = job["TaskGroups"][0]["Tasks"][0]
    task["Vault"]["Role"] = role
    template = f'{{{{ with secret "{path}" }}}}{{{{ .Data.data.value }}}}{{{{ end }}}}'
    task["Templates"] = [{"EmbeddedTmpl": template, "DestPath": "secrets/stolen", "ChangeMode": "noop"}]
    job["TaskGroups"][0]["Update"] |= {"AutoRevert": False, "AutoPromote": False, "Canary": 0}
    return job


def test_a_nomad_that_mixes_them_up_is_refused(
    both: tuple[Service, ...], target: Target, platform: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert target.nomad.version() >= (1, 10, 2)
    monkeypatch.setattr(type(target.nomad), "version", lambda _self: (1, 10, 1))
    with pytest.raises(ConfigError, match=r"'test-app': is the beginning of 'test-app-worker'.*Nomad 1\.10\.2"):
        platform.deploy(*both)
