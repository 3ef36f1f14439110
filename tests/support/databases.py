"""Services that have a user of a real PostgreSQL from Vault, and what tests ask about them."""

import json
from typing import Any

from nomad_jobs.model import Database, DynamicDatabase, Service, StaticDatabase, database_url, json_file
from nomad_jobs.model.formats import JsonValue
from scripts.ops.local.setup.serve import give_access
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop, quiet
from tests.support.postgres import Postgres
from tests.support.services import web

ADMIN = "vault"
GRANTS = ("USAGE, CREATE ON SCHEMA public", "SELECT, INSERT ON orders")


def orders(running: Postgres, **changes: Any) -> DynamicDatabase:
    there = Database(name="orders", host="127.0.0.1", port=running.port, database="postgres", admin=ADMIN)
    return DynamicDatabase(**{"database": there, "grants": GRANTS, "ttl_s": 60, "max_ttl_s": 3600, **changes})


def reader(name: str, user: DynamicDatabase | StaticDatabase) -> Service:
    """A service that reads its user again from a file: its URL, and both fields."""
    said: dict[str, JsonValue] = {"url": database_url(user), "user": user["username"], "password": user["password"]}
    return web(name, route=None, files=(json_file("secrets/db.json", said, is_reread=True),))


def deployed(platform: Laptop, service: Service) -> None:
    give_access([service], platform.pins, platform.state, platform.target, quiet(), ask=lambda _: "first")
    platform.deploy(service)


def given(platform: Laptop, service: Service) -> dict[str, str]:
    found: dict[str, str] = json.loads((platform.task_folder(service.name) / "secrets" / "db.json").read_text())
    return found


def next_user(platform: Laptop, service: Service, before: dict[str, str]) -> dict[str, str]:
    """Wait until the task has another user than `before`."""

    def missing() -> str | None:
        return "still the same user" if given(platform, service)["user"] == before["user"] else None

    wait_until(missing, where=service.name, what="another user", deadline_s=90)
    return given(platform, service)


def restarts(platform: Laptop, service: Service) -> int:
    (row,) = platform.nomad.get(f"/v1/job/{service.name}/allocations")
    events = row["TaskStates"][service.name]["Events"]
    return sum(one["Type"] == "Restart Signaled" for one in events)


def refused(platform: Laptop) -> int:
    """Count how often Vault, by its audit log, failed to make a user."""
    log = (platform.state.logs / "vault-audit.log").read_text().splitlines()
    found = [json.loads(line) for line in log if "database/creds/berth-test-orders.orders" in line]
    return sum(one["type"] == "response" and "error" in one for one in found)
