"""Runs an app: its sockets, its signals, its log, and a stop that lets running requests finish."""

import argparse
import asyncio
import signal
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomad_jobs.apps.serving.answers import ApiError
from nomad_jobs.apps.serving.events import log
from nomad_jobs.errors import BerthError, ConfigError, Exit

# Checks answer while the app stops, as vLLM's do, and the log leaves out a check that passes.
_CHECKS = ("/health", "/metrics")
SHUTDOWN_TIMEOUT_S = 10
# Longer than the 60 s for which NGINX keeps an idle connection: the side that sends requests must close it.
_KEEP_ALIVE_S = 75
_BACKLOG = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """One address where `app` answers, over TLS where `tls` is given."""

    app: ASGIApp
    host: str
    port: int
    name: str = "http"
    tls: ssl.SSLContext | None = None


def add_arguments(
    parser: argparse.ArgumentParser, *, ports: dict[str, int], shutdown_timeout_s: int = SHUTDOWN_TIMEOUT_S
) -> None:
    """Add what each app takes: `--host`, the `ports` (option and default), `--shutdown-timeout`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    for option, default in ports.items():
        text = "port to listen on, 0: the system picks one and the log names it (default: %(default)s)"
        parser.add_argument(option, type=int, default=default, metavar="PORT", help=text)
    parser.add_argument(
        "--shutdown-timeout",
        type=int,
        default=shutdown_timeout_s,
        metavar="SECONDS",
        help="how long a stop waits for running requests (default: %(default)s)",
    )


def exit_code(main: Callable[[], None]) -> int:
    """Run `main`; a BerthError becomes one line of log and its exit code."""
    try:
        main()
    except BerthError as error:
        log("failed", reason=str(error))
        return error.code
    return Exit.DONE


def serve(listeners: Sequence[Listener], *, shutdown_timeout_s: float) -> None:
    """Serve until SIGTERM or SIGINT, then refuse new requests with 503 and let running ones finish.

    After `shutdown_timeout_s` seconds, and at most one more, it cuts those that still run.

    Raises:
        ConfigError: it cannot listen on one of the addresses.

    """
    asyncio.run(_serve(listeners, shutdown_timeout_s))


class Stopping:
    """Counts running requests; once `begun` is set, the apps refuse new ones."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one request for the length of the block."""
        self.running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    @contextmanager
    def cut_quietly(self) -> Iterator[None]:
        """Keep tracebacks of requests that the stop cuts out of the log, which has them as cut."""
        try:
            yield
        except asyncio.CancelledError:
            if not self.begun.is_set():
                raise

    async def idle(self, timeout_s: float) -> bool:
        """Wait until no request runs; False when some still run after `timeout_s` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        return not self.running


class _Guarded:
    """ASGI middleware around each app: it counts and logs requests, and refuses them while the app stops."""

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in _CHECKS:
            await _logged(self._app, scope, receive, send)
        elif self._stopping.begun.is_set():
            await _logged(_refuse, scope, receive, send)
        else:
            with self._stopping.counted(), self._stopping.cut_quietly():
                await _logged(self._app, scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    error = ApiError(status=503, message="This instance is stopping.", kind="server_error", retry_after_s=1)
    response = error.response
    response.headers["Connection"] = "close"
    await response(scope, receive, send)


async def _logged(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run `app` and log the request: path without query, status, and `cut` where the answer is incomplete."""
    start = time.monotonic()
    status = 0
    complete = False

    async def watch(message: Message) -> None:
        nonlocal status, complete
        status = message.get("status", status)
        await send(message)
        complete = message["type"] == "http.response.body" and not message.get("more_body", False)

    try:
        await app(scope, receive, watch)
    finally:
        if scope["path"] not in _CHECKS or status != HTTPStatus.OK:
            ms = round((time.monotonic() - start) * 1000, 1)
            cut = {} if complete else {"cut": True}
            log("request", method=scope["method"], path=scope["path"], status=status, ms=ms, **cut)


def _tls_of(listener: Listener) -> Callable[[uvicorn.Config, object], ssl.SSLContext] | None:
    context = listener.tls
    return None if context is None else lambda _config, _default: context


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the signals to `_serve`, which stops all listeners together."""

    def __init__(self, listener: Listener, stopping: Stopping) -> None:
        self._listener = listener
        super().__init__(
            uvicorn.Config(
                _Guarded(listener.app, stopping),
                http="h11",
                loop="asyncio",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
                ssl_context_factory=_tls_of(listener),
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        scheme = "https" if self._listener.tls else "http"
        for bound in sockets or []:
            host, port = bound.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            log("listening", name=self._listener.name, url=f"{scheme}://{shown}:{port}")


def _bind(listener: Listener) -> socket.socket:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    # We name the protocol because asyncio sets TCP_NODELAY only on a socket that does. Without TCP_NODELAY every
    # request but the first of a connection would wait 40 ms for the client's delayed ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((listener.host, listener.port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        where = f"{listener.host}:{listener.port}"
        raise ConfigError(where, f"cannot listen: {error.strerror}", "give another --host or port") from None
    return bound


async def _serve(listeners: Sequence[Listener], shutdown_timeout_s: float) -> None:
    stopping = Stopping()
    sockets = [_bind(listener) for listener in listeners]
    servers = [_Server(listener, stopping) for listener in listeners]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.begun.set)
    async with asyncio.TaskGroup() as tasks:
        for server, bound in zip(servers, sockets, strict=True):
            tasks.create_task(server.serve(sockets=[bound]))
        await stopping.begun.wait()
        log("stopping", running=stopping.running, at_most_s=shutdown_timeout_s)
        if not await stopping.idle(shutdown_timeout_s):
            log("cutting", running=stopping.running)
        for server in servers:
            server.should_exit = True
    log("stopped")
