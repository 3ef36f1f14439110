"""Gives Nomad its first token, and waits for nodes that see Consul, Vault and their GPUs."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from infra.holdings.nomad import BOOTSTRAP, JWKS_PATH, first_token
from nomad_jobs.errors import AuthError, DeadlineError, RefusedError
from nomad_jobs.platform import Driver
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.agent_wait import AgentWait
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import GPUS_PER_NODE
from scripts.ops.local.state import State

_START_S = 60
_WAIT_S = 1.0
_LOOK_AGAIN_S = 8.0
"""A node looks for Consul and Vault every 15 s or on SIGHUP, and tells its server 5 to 10 s later."""
_BLIND = "does not see"


def await_keys(nomad: Api, wait: AgentWait) -> None:
    """Wait until Nomad has a leader and publishes the keys with which it signs identities."""

    def missing() -> str | None:
        keys = nomad.get(JWKS_PATH)
        return None if keys and keys["keys"] else "it has no keys yet"

    wait.until(missing, "signing keys")


def bootstrap(nomad: Api, state: State) -> None:
    """Make the first token from a secret that is on the disk already, so that a crash in between does no harm.

    Raises:
        AuthError: Nomad has another first token, or the key file was lost.

    """
    secret = state.ensure_key("nomad-bootstrap")
    if _knows_us(nomad):
        return
    try:
        with session("Nomad", nomad.url) as anonymous:
            anonymous.write("POST", BOOTSTRAP, first_token(secret))
    except RefusedError as error:
        fix = f"put {state.keys / 'nomad-bootstrap'} back from your backup, or start over with `berth down --destroy`"
        raise AuthError("nomad", f"refuses our token, and has its first one already ({error.what})", fix) from None


def await_client(node: Api, wait: AgentWait) -> None:
    """Wait until a node's agent reaches its server. Asking the agent matters: the server's answer may be an old one."""

    def missing() -> str | None:
        status = node.status("/v1/agent/health?type=client")
        return None if status == httpx.codes.OK else f"its health is {status}"

    wait.until(missing, "contact with its server")


def await_nodes(
    nomad: Api, names: list[str], driver: Driver, look_again: Callable[[], None], says: Callable[[str], None]
) -> None:
    """Wait until the nodes `names` are ready, have a healthy `driver`, and see Consul, Vault and their GPUs.

    Raises:
        DeadlineError: a node was not within _START_S seconds; the message says what it lacks.

    """
    end = time.monotonic() + _START_S
    index = 0
    told = 0.0
    while True:
        answer = nomad.blocking("/v1/nodes", index, _WAIT_S, resources="true")
        index = answer.index
        found = {row["Name"]: row for row in answer.body or () if row["Status"] != "down"}
        lacks = [f"{name}: {fault}" for name in names for fault in _faults(nomad, found.get(name), driver)]
        if not lacks:
            return
        text = "; ".join(lacks)
        says(text)
        if time.monotonic() >= end:
            raise DeadlineError("nomad", f"nodes were not ready within {_START_S} s: {text}", "`berth doctor` looks")
        if _BLIND in text and time.monotonic() - told > _LOOK_AGAIN_S:
            look_again()
            told = time.monotonic()


def _faults(nomad: Api, row: dict[str, Any] | None, driver: Driver) -> list[str]:
    if row is None:
        return ["not there yet"]
    if row["Status"] != "ready":
        return [row["Status"]]
    devices = ((row.get("NodeResources") or {}).get("Devices")) or []
    gpus = sum(len(device["Instances"]) for device in devices)
    node = nomad.get(f"/v1/node/{row['ID']}") or {}
    attributes = node.get("Attributes") or {}
    state = (node.get("Drivers") or {}).get(driver.value) or {}
    wanted = {"consul.version": f"{_BLIND} Consul", "vault.version": f"{_BLIND} Vault"}
    faults = [fault for name, fault in wanted.items() if name not in attributes]
    if not state.get("Healthy"):
        faults.append(f"{driver.value} is not ready ({state.get('HealthDescription') or 'not looked at yet'})")
    return faults + ([f"has {gpus} of {GPUS_PER_NODE} GPUs"] if gpus != GPUS_PER_NODE else [])


def _knows_us(nomad: Api) -> bool:
    try:
        nomad.get("/v1/acl/token/self")
    except AuthError:
        return False
    return True
