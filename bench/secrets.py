"""Measures how long a new version of a secret takes to be in use, in five running instances of one service."""

import re
import time
from collections.abc import Callable
from dataclasses import replace

from bench.rows import Row
from nomad_jobs.images import Pins
from nomad_jobs.keys import pin_key
from nomad_jobs.model import Service
from nomad_jobs.render import render_job
from nomad_jobs.resolve import resolve
from nomad_jobs.services.bot_detector import BOT_DETECTOR
from scripts.ops.local.setup.seed import seed
from scripts.ops.secrets.running import running
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop, laptop

_INSTANCES = 5
_RUNS = 15
_SOON_S = 20
_NOMADS_OWN_S = 600
_KEY = BOT_DETECTOR.followed_secrets[0]
_PATH = f"{BOT_DETECTOR.name}/{_KEY.name}"
_FOLLOWED = re.compile(r'\(printf "([^"?]+)\?version=%s" \(key "[^"]+"\)\)')


def measure() -> list[Row]:
    """Write versions of a key, and wait each time until every instance says that it uses it."""
    with laptop() as booted:
        (there,) = resolve([BOT_DETECTOR], "local", booted.platform.driver).services
        service = replace(there, route=None, size=replace(there.size, instances=_INSTANCES))
        seed([service], booted.platform, booted.target.vault, booted.state.keys)
        booted.deploy(service)
        pinned = tuple(_until_used(service, booted, _move_pin) for _ in range(_RUNS))
        _follow_the_newest(service, booted)
        nomads = _until_used(service, booted, lambda *_: None, deadline_s=_NOMADS_OWN_S)
    return [
        Row(what="a new version, written and pinned, in use in 5 instances", values=pinned, unit="s", promise="0.5 s"),
        Row(what="the same without a pin: Nomad looks for the newest by itself", values=(nomads,), unit="s"),
    ]


def _until_used(
    service: Service, booted: Laptop, deliver: Callable[[Service, Laptop, int], None], deadline_s: float = _SOON_S
) -> float:
    """Write a version, `deliver` it, and give the seconds until the last instance says that it uses it."""
    vault = booted.target.vault
    before = vault.newest(f"default/{_PATH}").version
    start = time.perf_counter()
    version = vault.put_secret(f"default/{_PATH}", {"value": f"key-{start}"}, after_version=before)
    deliver(service, booted, version)

    def missing() -> str | None:
        told = [one.versions.get(_PATH) for one in running([service], booted.target.nomad)]
        return None if told == [version] * _INSTANCES else f"in use: {told}"

    wait_until(missing, where=service.name, what=f"version {version} in use", deadline_s=deadline_s)
    return time.perf_counter() - start


def _move_pin(service: Service, booted: Laptop, version: int) -> None:
    booted.target.consul.put_key(pin_key(_KEY, service, booted.platform), str(version))


def _follow_the_newest(service: Service, booted: Laptop) -> None:
    """Register the job with the secret's newest version in place of the pin, as Nomad's own documents do it."""
    text = _FOLLOWED.sub(r'"\1"', render_job(service, booted.platform, images=Pins()))
    live = booted.target.nomad.job(service.name)
    if live is None or pin_key(_KEY, service, booted.platform) in text:
        raise RuntimeError(f"{service.name} does not run, or still follows a pin")
    booted.target.nomad.register(booted.target.nomad.parse(text), modify_index=live["JobModifyIndex"])

    def missing() -> str | None:
        newest = (booted.target.nomad.job(service.name) or {}).get("Version")
        rows = booted.target.nomad.allocations(service.name).body or []
        there = [row for row in rows if row["JobVersion"] == newest and row["ClientStatus"] == "running"]
        old = [row for row in rows if row["JobVersion"] != newest and row["ClientStatus"] == "running"]
        return None if len(there) == _INSTANCES and not old else f"{len(there)} new, {len(old)} old"

    wait_until(missing, where=service.name, what="all instances without a pin", deadline_s=120)
