"""The engine's HTTP side: vLLM's routes over the scheduler."""

import json
import time
from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nomad_jobs.apps.engine import bodies, page, text
from nomad_jobs.apps.engine.card import Settings, model_card
from nomad_jobs.apps.engine.metrics import Metrics, Timeline
from nomad_jobs.apps.engine.protocol import Generation, Kind, parse
from nomad_jobs.apps.engine.scheduler import Deliver, Scheduler
from nomad_jobs.apps.engine.text import Step
from nomad_jobs.apps.engine.tokens import count
from nomad_jobs.apps.serving.answers import (
    ERROR_HANDLERS,
    ClientGoneError,
    Emit,
    EventStream,
    Json,
    read_object,
    while_connected,
)
from nomad_jobs.apps.serving.bearer import Bearer
from nomad_jobs.apps.serving.events import log

_BODY_LIMIT_BYTES = 16 * 1024 * 1024
_CLIENT_CLOSED = 499  # NGINX's number for it; nobody is left to read it but the log


class Engine:
    """The answers to each route."""

    def __init__(self, settings: Settings) -> None:
        """Start with an empty batch."""
        self._settings = settings
        self._card = model_card(settings, created=int(time.time()))
        self._metrics = Metrics(settings.speed, settings.served)
        self._scheduler = Scheduler(settings.speed, settings.limits, self._metrics)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        keys = self._settings.api_keys
        guard = [Middleware(Bearer, keys=lambda: keys, prefix="/v1")] if keys else []
        routes = [
            Route("/", self.page),
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/v1/models", self.models),
            Route("/v1/completions", self.completions, methods=["POST"]),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=guard, exception_handlers=ERROR_HANDLERS)

    async def page(self, _request: Request) -> Response:
        """Say what this is, to a person."""
        return HTMLResponse(page.render(self._settings))

    async def health(self, _request: Request) -> Response:
        """Answer 200 and nothing, while stopping too, as vLLM does."""
        return Response()

    async def metrics(self, _request: Request) -> Response:
        """Answer in Prometheus' text format."""
        return Response(self._metrics.exposition(), media_type="text/plain; version=0.0.4")

    async def models(self, _request: Request) -> Response:
        """List the one model."""
        return Json({"object": "list", "data": [self._card]})

    async def completions(self, request: Request) -> Response:
        """Continue a prompt."""
        return await self._answer(request, Kind.COMPLETION)

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        return await self._answer(request, Kind.CHAT)

    async def _answer(self, request: Request, kind: Kind) -> Response:
        body = await read_object(request, _BODY_LIMIT_BYTES)
        limits = self._settings.limits
        wanted = parse(body, kind, served=self._settings.served, max_model_len=limits.max_model_len)
        if wanted.stream:
            return EventStream(lambda emit: self._stream(wanted, emit))
        try:
            return Json(await while_connected(request.receive, self._whole(wanted)))
        except ClientGoneError:
            return Response(status_code=_CLIENT_CLOSED)

    async def _stream(self, wanted: Generation, emit: Emit) -> None:
        first = wanted.kind is Kind.CHAT

        async def send(step: Step) -> None:
            nonlocal first
            if first:
                await emit(json.dumps(bodies.role_chunk(wanted)))
                first = False
            await emit(json.dumps(bodies.token_chunk(wanted, step)))

        times = await self._run(wanted, send)
        if wanted.include_usage:
            await emit(json.dumps(bodies.usage_chunk(wanted, times.generated)))
        await emit("[DONE]")

    async def _whole(self, wanted: Generation) -> dict[str, object]:
        said: list[Step] = []

        async def keep(step: Step) -> None:
            said.append(step)

        times = await self._run(wanted, keep)
        return bodies.whole(wanted, "".join(step.text for step in said), said[-1].finish_reason, times.generated)

    async def _run(self, wanted: Generation, deliver: Deliver) -> Timeline:
        times = Timeline(arrived=time.monotonic())
        try:
            await self._scheduler.run(wanted.prompt_tokens, times, _steps(wanted), deliver)
        finally:
            log(
                "generated",
                id=wanted.id,
                finish_reason=times.reason,
                prompt_tokens=wanted.prompt_tokens,
                output_tokens=times.generated,
                ttft_ms=times.ttft_ms,
            )
        return times


def _steps(wanted: Generation) -> Iterator[Step]:
    says = text.sentences(model=wanted.model, prompt=wanted.prompt, seed=wanted.seed, greedy=wanted.greedy)
    if wanted.kind is Kind.CHAT and not wanted.ignore_eos:
        says = text.chat_reply(says, wanted.message, count(wanted.message))
    return text.steps(text.joined(says), max_tokens=wanted.max_tokens, stop=wanted.stop)
