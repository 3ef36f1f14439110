"""Initialises and unseals Vault."""

import json
import shutil

from nomad_jobs.errors import BerthError
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.agent_wait import AgentWait
from scripts.ops.local.boot.unseal import unseal
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until

KEYS = "vault-init.json"
_BEGUN = "vault-init.begun"
_START_S = 60
_ACTIVE = 200


def open_up(vault: Api, state: State, supervisor: Supervisor) -> None:
    """Initialise Vault if it is new, unseal it, and wait until it is active.

    Raises:
        BerthError: it cannot be unsealed; no data was lost, and the message says what to do.

    """
    if not _is_initialised(vault, supervisor):
        _initialise(vault, state)
    elif state.key(KEYS) is None:
        _start_over(vault, state, supervisor)
    if fault := unseal(vault.url, state.keys / KEYS, deadline_s=_START_S):
        raise BerthError("vault", fault, f"see {state.logs / 'vault.log'}")

    def missing() -> str | None:
        status = vault.status("/v1/sys/health")
        return None if status == _ACTIVE else f"its health is {status}"

    wait_until(missing, where="vault", what="becoming active", deadline_s=_START_S)


def unseal_keys(state: State) -> list[str]:
    """Read the keys that unseal the laptop's Vault, and make its root tokens."""
    return list(json.loads(state.key(KEYS) or "{}")["keys_base64"])


def _is_initialised(vault: Api, supervisor: Supervisor) -> bool:
    found: list[bool] = []

    def missing() -> str | None:
        found.append(vault.get("/v1/sys/seal-status")["initialized"])
        return None

    AgentWait(supervisor, "vault").until(missing, "an answer")
    return found[-1]


def _initialise(vault: Api, state: State) -> None:
    state.write(state.keys / _BEGUN, "")
    made = vault.put("/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1})
    # The root token in the answer is not kept: one is made when there is something to change.
    state.write(state.keys / KEYS, json.dumps({"keys_base64": made["keys_base64"]}) + "\n")
    (state.keys / _BEGUN).unlink()


def _start_over(vault: Api, state: State, supervisor: Supervisor) -> None:
    """Initialise Vault again, whose unseal key was never written; refuse if the key was lost later."""
    if not (state.keys / _BEGUN).exists():
        fix = f"put {state.keys / KEYS} back from your backup, or give the data up with `berth down --destroy`"
        raise BerthError("vault", "its unseal key is missing, so its data cannot be read", fix)
    # A crash came between init and the file. Nobody ever had the key, so Vault can hold no data.
    supervisor.stop("vault")
    shutil.rmtree(state.root / "vault")
    (state.root / "vault").mkdir(mode=0o700)
    supervisor.begin("vault")
    if not _is_initialised(vault, supervisor):
        _initialise(vault, state)
