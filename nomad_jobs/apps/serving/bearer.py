"""API keys: `Authorization: Bearer KEY`, several keys at once, compared in constant time."""

import hashlib
import hmac
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nomad_jobs.apps.serving.answers import ApiError, Json

_REFUSAL = ApiError(status=401, message="Incorrect API key provided.", code="invalid_api_key")


def accepts(authorization: str | None, keys: Sequence[str]) -> bool:
    """Tell whether the header's value is `Bearer` with one of `keys`."""
    scheme, _, given = (authorization or "").partition(" ")
    digest = hashlib.sha256(given.strip().encode()).digest()
    # We compare every key, as digests of one length, so that the time taken says nothing about any of them.
    found = False
    for key in keys:
        found |= hmac.compare_digest(digest, hashlib.sha256(key.encode()).digest())
    return found and scheme.lower() == "bearer"


class Bearer:
    """ASGI middleware: it answers 401 to a request below `prefix` without one of the keys."""

    def __init__(
        self, app: ASGIApp, *, keys: Callable[[], Sequence[str]], prefix: str, refusal: object = _REFUSAL.body
    ) -> None:
        """Guard `app`; each request asks `keys` again, so that a rotated key counts at once."""
        self._app = app
        self._keys = keys
        self._prefix = prefix
        self._refusal = Json(refusal, _REFUSAL.status, {"WWW-Authenticate": "Bearer"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it for want of a key."""
        guarded = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        if guarded and not accepts(Headers(scope=scope).get("authorization"), self._keys()):
            await self._refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
