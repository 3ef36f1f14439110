"""Measures how long a new version of a secret takes to be in use, in five running instances of one service."""

import re
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

from bench.rows import Row, seconds
from nomad_jobs.images import Pins
from nomad_jobs.keys import pin_key
from nomad_jobs.model import Service, secret_path
from nomad_jobs.render import render_job
from nomad_jobs.resolve import resolve
from nomad_jobs.services.bot_detector import BOT_DETECTOR
from scripts.ops.local.setup.seed import seed
from scripts.ops.secrets.running import running
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop, laptop

_INSTANCES = 5
_RUNS = 15
_NOMADS_OWN_S = 600
_PINNED = re.compile(r'\(printf "([^"?]+)\?version=%s" \(key "[^"]+"\)\)')


def measure() -> list[Row]:
    """Write versions of a key, and wait each time until every instance says that it uses it.

    Beside the service runs the same one without pins: Nomad asks Vault for its newest version from time to time.
    """
    with laptop() as booted:
        (there,) = resolve([BOT_DETECTOR], "local", booted.platform.driver).services
        service = replace(there, route=None, size=replace(there.size, instances=_INSTANCES))
        seed([service], booted.platform, booted.target.vault, booted.state.keys)
        booted.deploy(service)
        with _without_pins(service, booted):
            waited: list[float] = []
            nomads = Thread(target=lambda: waited.append(seconds(_Change(service, booted, deadline_s=_NOMADS_OWN_S))))
            ...
    return []
