"""Initialises and unseals Vault, and makes root tokens that live as long as one `with` block."""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from nomad_jobs.errors import BerthError
from scripts.ops.clients.api import Api
from scripts.ops.local.boot.agent_wait import AgentWait
from scripts.ops.local.boot.unseal import unseal
from scripts.ops.local.sessions import session
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


@contextmanager
def root(vault: Api, state: State) -> Iterator[Api]:
    """Make a root token from the unseal key, and revoke it when the block ends; it is never written to a file."""
    keys = json.loads(state.key(KEYS) or "{}")
    vault.delete("/v1/sys/generate-root/attempt")  # an attempt that a crash left unfinished
    attempt = vault.put("/v1/sys/generate-root/attempt", json={})
    answer = vault.put("/v1/sys/generate-root/update", json={"key": keys["keys_base64"][0], "nonce": attempt["nonce"]})
    token = _decoded(answer["encoded_token"], attempt["otp"])
    with session("Vault", vault.url, token) as as_root:
        try:
            yield as_root
        finally:
            as_root.post("/v1/auth/token/revoke-self")


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
    # The root token in the answer is not kept: `root` makes one when there is something to change.
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


def _decoded(encoded: str, otp: str) -> str:
    raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(raw, otp.encode(), strict=True)).decode()
