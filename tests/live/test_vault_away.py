"""Vault is away for longer than the tokens of tasks live: instances serve on, and take up new versions afterwards."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from nomad_jobs.keys import pin_key
from nomad_jobs.model import Env, File, Secret, Service
from nomad_jobs.resolve import resolve
from nomad_jobs.services.bot_detector import BOT_DETECTOR
from scripts.ops.local.boot import start
from scripts.ops.local.setup.seed import seed
from scripts.ops.local.supervision import Supervisor
from scripts.ops.secrets.running import running
from scripts.ops.waiting import wait_until
from tests.live.test_front_door import get
from tests.support.laptop import Laptop, laptop, quiet
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web
from vault_policies import render

pytestmark = pytest.mark.live

KEY = BOT_DETECTOR.followed_secrets[0]
PATH = "default/bot-detector/api-key"
_TOKEN_S = 10
"""How long a task's token lives unless it is renewed; a deployment writes 30 minutes."""
PAGES = {"bot-detector": "/health", "test-once": "/said"}
"""A page of each service that needs no key, by its host."""
_BACK_S = 90
"""Nomad asks Vault again after a minute at the latest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A platform with the front door, a service that reads its secrets again, and one that does so never."""

    laptop: Laptop
    services: list[Service]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with laptop() as booted, pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "TOKEN_PERIOD_S", _TOKEN_S)
        (there,) = resolve([BOT_DETECTOR], "local", booted.platform.driver).services
        detector = replace(there, size=replace(there.size, instances=2))
        secret = Secret(name="key")
        once = web(
            "test-once",
            env=(Env(name="KEY", value=secret["value"]),),
            files=(File(path="secrets/key", parts=(secret["value"].raw,)),),
        )
        services = [FRONT_DOOR, detector, once]
        seed(services, booted.platform, booted.target.vault, booted.state.keys)
        booted.deploy(*services)
        yield Served(laptop=booted, services=services)


def instances(served: Served) -> dict[str, dict[str, int]]:
    """Give how often each running instance was restarted, by its id, for each service."""
    rows = {one.name: served.laptop.target.nomad.allocations(one.name).body for one in served.services}
    return {
        name: {row["ID"]: row["TaskStates"][name]["Restarts"] for row in found if row["ClientStatus"] == "running"}
        for name, found in rows.items()
    }


def lacking(served: Served, before: object) -> str | None:
    """Say what does not serve, or is another instance than before."""
    found = instances(served)
    if found != before:
        return f"instances: {found}"
    asked = {host: get(served.laptop.target, f"{host}.localhost", path) for host, path in PAGES.items()}
    return next(
        (f"{host}: {one.status_code}" for host, one in asked.items() if one.status_code != httpx.codes.OK), None
    )


@pytest.mark.parametrize("away_s", [4 * _TOKEN_S, pytest.param(600, marks=pytest.mark.soak)])
def test_instances_serve_on_while_vault_is_away_and_follow_it_again(served: Served, away_s: float) -> None:
    target = served.laptop.target
    (detector,) = [one for one in served.services if one.name == BOT_DETECTOR.name]
    before = instances(served)
    supervisor = Supervisor(served.laptop.state)
    supervisor.stop("vault")
    began = time.monotonic()

    def outlasted() -> str | None:
        assert lacking(served, before) is None
        return None if time.monotonic() - began > away_s else "not yet over"

    wait_until(outlasted, where="Vault", what="being away", deadline_s=away_s + 10)
    supervisor.begin("vault")
    start.up(served.laptop.state, served.laptop.settings, quiet())
    version = target.vault.newest(PATH).version
    wanted = target.vault.put_secret(PATH, {"value": f"after {away_s}"}, after_version=version)
    target.consul.put_key(pin_key(KEY, detector, target.platform), str(wanted))

    def missing() -> str | None:
        told = [one.versions[f"{detector.name}/{KEY.name}"] for one in running([detector], target.nomad)]
        return None if told == [wanted, wanted] else f"in use: {told}"

    wait_until(missing, where=detector.name, what=f"version {wanted} in use", deadline_s=_BACK_S)
    assert lacking(served, before) is None


def test_a_process_that_ends_meanwhile_begins_again_with_what_it_had(served: Served) -> None:
    """Its files are there; Nomad asks nobody for them again."""
    supervisor = Supervisor(served.laptop.state)
    (before,) = instances(served)["test-once"]
    folder = served.laptop.task_folder("test-once")
    supervisor.stop("vault")
    try:
        for one in served.laptop.task_processes():
            if one.cwd().startswith(str(folder)):
                one.kill()

        def missing() -> str | None:
            found = instances(served)["test-once"]
            return None if found == {before: 1} and lacking(served, instances(served)) is None else f"{found}"

        wait_until(missing, where="test-once", what="its process again", deadline_s=40)
    finally:
        supervisor.begin("vault")
        start.up(served.laptop.state, served.laptop.settings, quiet())
