"""Makes a root token from recovery or unseal keys, for as long as one `with` block."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from infra.holdings.vault import HEADER
from nomad_jobs.errors import AuthError, RefusedError
from scripts.ops.clients.api import Api

_ATTEMPT = "/v1/sys/generate-root/attempt"


@contextmanager
def root(vault: Api, keys: Sequence[str], ca_file: str | None = None) -> Iterator[Api]:
    """Give a root's API, and revoke its token when the block ends; it is never written to a file.

    Raises:
        AuthError: a key is none of this Vault's, or there are too few.

    """
    token = _made(vault, keys)
    with closing(Api("Vault", vault.url, headers={HEADER: token}, ca_file=ca_file)) as as_root:
        try:
            yield as_root
        finally:
            as_root.post("/v1/auth/token/revoke-self")


def _made(vault: Api, keys: Sequence[str]) -> str:
    vault.delete(_ATTEMPT)  # one that a crash, or somebody who gave up, left unfinished
    attempt = vault.put(_ATTEMPT, json={})
    try:
        for key in keys:
            answer = vault.put("/v1/sys/generate-root/update", json={"key": key, "nonce": attempt["nonce"]})
            if answer["complete"]:
                return _decoded(answer["encoded_token"], attempt["otp"])
    except RefusedError as error:
        vault.delete(_ATTEMPT)
        raise AuthError(
            "recovery keys", f"Vault refuses one: {error.what}", "enter them as they were given out"
        ) from None
    vault.delete(_ATTEMPT)
    what = f"{len(keys)} of {attempt['required']} were given"
    raise AuthError("recovery keys", what, "as many people as that enter theirs, one after the other")


def _decoded(encoded: str, otp: str) -> str:
    raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(raw, otp.encode(), strict=True)).decode()
