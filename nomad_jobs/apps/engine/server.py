"""The engine's HTTP side: vLLM's routes over the scheduler."""

import json
import time
from collections.abc import Iterator
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nomad_jobs.apps.engine import bodies, page, text, token_api
from nomad_jobs.apps.engine.card import Settings, model_card
from nomad_jobs.apps.engine.metrics import Metrics, Timeline
from nomad_jobs.apps.engine.protocol import Generation, Kind, parse
from nomad_jobs.apps.engine.scheduler import Deliver, Scheduler
from nomad_jobs.apps.engine.text import Step
from nomad_jobs.apps.engine.tokens import count
from nomad_jobs.apps.serving.answers import (
    ERROR_HANDLERS,
    ApiError,
    ClientGoneError,
    Emit,
    EventStream,
    Json,
    bad_request,
    read_object,
    while_connected,
)
from nomad_jobs.apps.serving.bearer import Bearer
from nomad_jobs.apps.serving.events import log

_BODY_LIMIT_BYTES = 16 * 1024 * 1024
_VLLM = "0.19.1"
_CLIENT_CLOSED = 499  # NGINX's number for it; only the log shows it, since the client is gone


class Engine:
    """The routes of the engine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._card = model_card(settings, created=int(time.time()))
        self._metrics = Metrics(settings.speed, settings.served)
        self._scheduler = Scheduler(settings.speed, settings.limits, self._metrics)

    @property
    def app(self) -> Starlette:
        """The ASGI application: open, as vLLM is, but for the keys and the middleware of the settings."""
        keys = self._settings.api_keys
        own = Middleware(Bearer, keys=lambda: keys, prefix="/v1", refusal={"error": "Unauthorized"})
        return Starlette(
            routes=[*self._checks, *self._api],
            middleware=[*self._settings.middleware, *([own] if keys else ())],
            exception_handlers={**ERROR_HANDLERS, HTTPException: _answer_no_route, ClientGoneError: _answer_nobody},
        )

    @property
    def _checks(self) -> list[Route]:
        return [
            Route("/", self.page),
            Route("/health", self.health),
            Route("/ping", self.health, methods=["GET", "POST"]),
            Route("/metrics", self.metrics),
            Route("/version", self.version),
            Route("/load", self.load),
        ]

    @property
    def _api(self) -> list[Route]:
        return [
            Route("/v1/models", self.models),
            Route("/v1/completions", self.completions, methods=["POST"]),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/invocations", self.invocations, methods=["POST"]),
            Route("/tokenize", self.tokenize, methods=["POST"]),
            Route("/detokenize", self.detokenize, methods=["POST"]),
            Route("/inference/v1/generate", self.generate, methods=["POST"]),
        ]

    async def page(self, _request: Request) -> Response:
        """Show a person what this engine is."""
        return HTMLResponse(page.render(self._settings))

    async def health(self, _request: Request) -> Response:
        """Answer 200 without a body, as vLLM does, also while the engine stops."""
        return Response()

    async def metrics(self, _request: Request) -> Response:
        """Answer in Prometheus' text format."""
        return Response(self._metrics.exposition(), media_type="text/plain; version=0.0.4")

    async def version(self, _request: Request) -> Response:
        """Name the version of vLLM whose answers these are."""
        return Json({"version": f"{_VLLM}+simulated"})

    async def load(self, _request: Request) -> Response:
        """Answer what vLLM does without `--enable-server-load-tracking`."""
        return Json({"server_load": 0})

    async def models(self, _request: Request) -> Response:
        """List the one model."""
        return Json({"object": "list", "data": [self._card]})

    async def completions(self, request: Request) -> Response:
        """Continue a prompt."""
        return await self._answer(request, await _read(request), Kind.COMPLETION)

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        return await self._answer(request, await _read(request), Kind.CHAT)

    async def invocations(self, request: Request) -> Response:
        """Answer a conversation or continue a prompt, whichever the body holds: SageMaker has this one path."""
        body = await _read(request)
        if not body.keys() & {"messages", "prompt"}:
            expected = "['ChatCompletionRequest', 'CompletionRequest']"
            raise bad_request(f"Cannot find suitable handler for request. Expected one of: {expected}")
        return await self._answer(request, body, Kind.CHAT if "messages" in body else Kind.COMPLETION)

    async def tokenize(self, request: Request) -> Response:
        """Split a text into tokens."""
        room = self._settings.limits.max_model_len
        return Json(token_api.tokenize(await _read(request), served=self._settings.served, max_model_len=room))

    async def detokenize(self, request: Request) -> Response:
        """Join tokens again."""
        return Json(token_api.detokenize(await _read(request), served=self._settings.served))

    async def generate(self, request: Request) -> Response:
        """Continue token ids with token ids."""
        wanted = self._parse(token_api.completion(await _read(request)), Kind.COMPLETION)
        said, _ = await while_connected(request.receive, self._run_whole(wanted))
        return Json(token_api.generated("".join(step.text for step in said), said[-1].finish_reason))

    async def _answer(self, request: Request, body: dict[str, object], kind: Kind) -> Response:
        wanted = self._parse(body, kind)
        if wanted.stream:
            return EventStream(lambda emit: self._stream(wanted, emit))
        return Json(await while_connected(request.receive, self._whole(wanted)))

    def _parse(self, body: dict[str, object], kind: Kind) -> Generation:
        return parse(body, kind, served=self._settings.served, max_model_len=self._settings.limits.max_model_len)

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
        said, times = await self._run_whole(wanted)
        return bodies.whole(wanted, "".join(step.text for step in said), said[-1].finish_reason, times.generated)

    async def _run_whole(self, wanted: Generation) -> tuple[list[Step], Timeline]:
        said: list[Step] = []

        async def keep(step: Step) -> None:
            said.append(step)

        return said, await self._run(wanted, keep)

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


async def _read(request: Request) -> dict[str, object]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        only = "Unsupported Media Type: Only 'application/json' is allowed"
        raise ApiError(status=400, message=f"1 validation error:\n  {only}", kind="Bad Request")
    return await read_object(request, _BODY_LIMIT_BYTES)


async def _answer_no_route(_request: Request, error: Exception) -> Response:
    """Refuse an unknown path or method in vLLM's words, which are not OpenAI's."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    headers = error.headers if isinstance(error, HTTPException) else None
    return Json({"detail": HTTPStatus(status).phrase}, status, headers)


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED)
