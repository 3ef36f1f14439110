"""Sends requests to the model's instances: to the least busy one first, to the next where that one fails."""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import httpx

from nomad_jobs.apps.chat.peers import Balancer, Peer
from nomad_jobs.apps.serving.answers import ApiError
from nomad_jobs.apps.serving.events import log

# An instance is one hop away, so it accepts soon; a loaded engine may let two minutes pass before the next token.
_TIMEOUT = httpx.Timeout(10, connect=2, read=120, pool=None)
_PASSED_ON = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_RETRY_AFTER_S = 2


class Answer:
    """One instance's answer, of which only the head is read yet; the caller must close it."""

    def __init__(self, response: httpx.Response, peer: Peer, balancer: Balancer) -> None:
        """Keep the open `response`; the balancer counts it until it is closed."""
        self.response = response
        self._peer = peer
        self._balancer = balancer

    async def events(self) -> AsyncIterator[str]:
        """Yield the data of each server-sent event; raises httpx.TransportError when the instance goes away."""
        async for line in self.response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                yield value

    async def aclose(self) -> None:
        """Hang up, which makes the engine stop and free its slot."""
        self._balancer.end(self._peer)
        await self.response.aclose()


class Upstream:
    """The model as a whole."""

    def __init__(self, client: httpx.AsyncClient, balancer: Balancer, key: Callable[[], str]) -> None:
        """Send with `client` (see `make_client`) and with the key that `key` gives at each request."""
        self._client = client
        self._balancer = balancer
        self._key = key

    async def open(self, method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        """Send one request and return the first 2xx answer.

        Nothing has reached the browser yet, so where an instance cannot be reached, hangs up or says that it is busy,
        the next one gets the request. Raises ApiError: 503 when none is left, or an instance's other refusal.
        """
        tried: list[Peer] = []
        while (peer := self._balancer.pick(tried)) is not None:
            tried.append(peer)
            answer = await self._try(peer, method, path, body)
            if answer is None:
                continue
            if answer.response.is_success:
                return answer
            raise await _refusal(answer)
        message = (
            "The model's instances are busy or just being replaced." if tried else "No instance of the model is ready."
        )
        raise ApiError(
            status=503,
            message=f"{message} Please try again in a moment.",
            kind="server_error",
            retry_after_s=_RETRY_AFTER_S,
        )

    async def _try(self, peer: Peer, method: str, path: str, body: dict[str, object] | None) -> Answer | None:
        request = self._client.build_request(method, peer.url + path, json=body, headers=self._headers())
        self._balancer.begin(peer)
        try:
            response = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            self._balancer.end(peer)
            log("peer-failed", peer=peer.url, reason=type(error).__name__)
            return None
        except BaseException:
            self._balancer.end(peer)
            raise
        answer = Answer(response, peer, self._balancer)
        if response.status_code in _BUSY:
            log("peer-busy", peer=peer.url, status=response.status_code)
            await answer.aclose()
            return None
        return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key()}"}


def make_client() -> httpx.AsyncClient:
    """Make the HTTP client; it ignores proxies of the environment."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30)
    return httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False)


async def _refusal(answer: Answer) -> ApiError:
    """Turn an instance's refusal into ours: what the visitor can fix keeps its words, all else is our fault (502)."""
    try:
        await answer.response.aread()
        status = answer.response.status_code
        log("model-refused", status=status)
        if status in _PASSED_ON:
            return ApiError(status=status, message=_message(answer.response))
        return ApiError(status=502, message=f"The model refused this page's request ({status}).", kind="server_error")
    finally:
        await answer.aclose()


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "The model does not take this request."
