"""The page's server: it serves the page, names the model, and streams the model's answers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomad_jobs.apps.chat.peers import Balancer
from nomad_jobs.apps.chat.upstream import Answer, Upstream
from nomad_jobs.apps.serving.answers import (
    ERROR_HANDLERS,
    ApiError,
    Emit,
    EventStream,
    Json,
    bad_request,
    read_object,
)
from nomad_jobs.apps.serving.events import log

_STATIC = Path(__file__).with_name("static")
_BODY_LIMIT_BYTES = 256 * 1024
_MOST_MESSAGES = 100
_MOST_TOKENS = 1024
_ROLES = ("system", "user", "assistant")
_DONE = "[DONE]"
_CUT = ApiError(status=502, message="The answer was cut off: its instance went away.", kind="server_error")
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Chat:
    """The routes of the page's server."""

    def __init__(self, model: str, balancer: Balancer, upstream: Upstream) -> None:
        self._model = model
        self._balancer = balancer
        self._upstream = upstream

    def app(self, client: httpx.AsyncClient) -> Starlette:
        """Build the ASGI application; it closes `client` when it ends."""

        @asynccontextmanager
        async def closing(_app: Starlette) -> AsyncIterator[None]:
            async with client:
                yield

        routes = [
            Route("/", self.page),
            Route("/health", self.health),
            Route("/api/model", self.model),
            Route("/api/chat", self.chat, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ]
        guard = [Middleware(SecurityHeaders)]
        return Starlette(routes=routes, middleware=guard, exception_handlers=ERROR_HANDLERS, lifespan=closing)

    async def page(self, _request: Request) -> Response:
        """Show the page."""
        return FileResponse(_STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def health(self, _request: Request) -> Response:
        """Answer 200 while the process lives: without a model, too, the page is there and says so."""
        return Json({"status": "ok", "peers": len(self._balancer.peers)})

    async def model(self, _request: Request) -> Response:
        """Tell the model's name, and what its card says about being simulated; `ready` is false without an instance."""
        try:
            answer = await self._upstream.open("GET", "/v1/models")
        except ApiError as error:
            return Json({"model": self._model, "ready": False, "simulated": False, "reason": error.message})
        try:
            card = _card(await answer.response.aread(), self._model)
        finally:
            await answer.aclose()
        simulation = card.get("simulation")
        details = simulation if isinstance(simulation, dict) else {}
        return Json({"model": self._model, "ready": True, "simulated": bool(card.get("simulated")), **details})

    async def chat(self, request: Request) -> Response:
        """Stream the model's answer to a conversation."""
        body = await read_object(request, _BODY_LIMIT_BYTES)
        answer = await self._upstream.open("POST", "/v1/chat/completions", _completion(body, self._model))
        return _Relay(answer)


class _Relay(EventStream):
    """Passes the model's events on to the browser, and an error where they end too early."""

    def __init__(self, answer: Answer) -> None:
        # NGINX must pass each event on at once, whatever its own buffering settings are.
        super().__init__(self._events, headers={"X-Accel-Buffering": "no"})
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()

    async def _events(self, emit: Emit) -> None:
        data = ""
        try:
            async for data in self._answer.events():
                await emit(data)
        except httpx.TransportError as error:
            log("stream-cut", reason=type(error).__name__)
        if data != _DONE:
            await emit(json.dumps(_CUT.body))


class SecurityHeaders:
    """ASGI middleware: its headers forbid other pages to frame this one, and any script but our own files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SECURITY)
            await send(message)

        await self._app(scope, receive, with_headers)


def _card(body: bytes, model: str) -> dict[str, object]:
    try:
        cards = json.loads(body)["data"]
        return next((card for card in cards if card["id"] == model), {})
    except (ValueError, KeyError, TypeError):
        return {}


def _completion(body: dict[str, object], model: str) -> dict[str, object]:
    """Build the request to the model from the page's `{"messages": […]}`; raises ApiError 400."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not 0 < len(messages) <= _MOST_MESSAGES:
        raise bad_request(f"`messages` must be a list of 1 to {_MOST_MESSAGES} messages.", "messages")
    return {
        "model": model,
        "messages": [_message(message) for message in messages],
        "max_tokens": _MOST_TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _message(message: object) -> dict[str, str]:
    match message:
        case {"role": str(role), "content": str(content)} if role in _ROLES and content.strip():
            return {"role": role, "content": content}
    raise bad_request(
        f"Each message needs a `role` ({', '.join(_ROLES)}) and a `content` that is not empty.", "messages"
    )
