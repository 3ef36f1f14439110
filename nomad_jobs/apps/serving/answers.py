"""The answers of all apps: JSON, errors as OpenAI writes them, event streams; and reading bodies within limits."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
Emit = Callable[[str], Awaitable[None]]


class Json(JSONResponse):
    """JSON in ASCII: a lone surrogate that a client sent in cannot break the answer."""

    def render(self, content: object) -> bytes:
        """Encode `content`."""
        return json.dumps(content, separators=(",", ":")).encode()


@dataclass(eq=False, kw_only=True)
class ApiError(Exception):
    """An answer other than 2xx, in OpenAI's shape of an error; `retry_after_s` becomes the Retry-After header.

    Its `code` is the status unless given, as with vLLM.
    """

    status: int
    message: str
    kind: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    retry_after_s: int | None = None

    def __str__(self) -> str:
        return self.message

    @property
    def body(self) -> dict[str, object]:
        """The error as OpenAI writes it."""
        code = self.code or self.status
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": code}}

    @property
    def response(self) -> Json:
        """The error as an answer."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return Json(self.body, self.status, headers)


async def _answer_api_error(_request: Request, error: Exception) -> Response:
    return error.response if isinstance(error, ApiError) else _CRASH.response


async def _answer_http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _CRASH.response
    return ApiError(status=error.status_code, message=HTTPStatus(error.status_code).phrase).response


async def _answer_crash(_request: Request, _error: Exception) -> Response:
    return _CRASH.response


_CRASH = ApiError(status=500, message="Something broke here; the log has it.", kind="server_error")
ERROR_HANDLERS = {ApiError: _answer_api_error, HTTPException: _answer_http_error, Exception: _answer_crash}


def bad_request(message: str, param: str | None = None) -> ApiError:
    """Build a 400; `param` names the field at fault."""
    return ApiError(status=HTTPStatus.BAD_REQUEST, message=message, kind="BadRequestError", param=param)


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Read the body; raises ApiError 413 as soon as it is longer than `limit_bytes`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise ApiError(status=413, message=f"The body is larger than {limit_bytes} bytes.")
    return bytes(body)


async def read_object(request: Request, limit_bytes: int) -> dict[str, object]:
    """Read the body as one JSON object; raises ApiError 400 for anything else."""
    body = await read_body(request, limit_bytes)
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise bad_request("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which JSON does not have.
    raise ValueError(name)


class ClientGoneError(Exception):
    """The client closed its connection before the answer was complete."""


async def while_connected(receive: Receive, work: Coroutine[object, object, T]) -> T:
    """Run `work` and return its result, but cancel it when the client leaves.

    Raises:
        ClientGoneError: the client left; `work` has ended, its `finally` blocks too.

    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGoneError
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events from a coroutine that is given `emit`; it is cancelled when the client leaves.

    It is no async generator, because a cancelled coroutine unwinds at once and so frees the slot that it holds.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        produce: Callable[[Emit], Coroutine[object, object, None]],
        headers: dict[str, str] | None = None,
    ) -> None:
        """Stream what `produce` emits; each emitted string is the data of one event, on one line."""
        super().__init__(headers={"Cache-Control": "no-cache", **(headers or {})})
        del self.headers["content-length"]
        self._produce = produce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events to the client until the last one, or until the client leaves."""
        del scope

        async def emit(data: str) -> None:
            event = f"data: {data}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})

        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            await while_connected(receive, self._produce(emit))
        except ClientGoneError:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
