"""The two apps: the parser, served over http and https, and the admin side."""

import asyncio

import prometheus_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nomad_jobs.apps.fw_parse.lines import is_header, parse_line
from nomad_jobs.apps.fw_parse.metrics import TallyCollector
from nomad_jobs.apps.fw_parse.tally import Tally
from nomad_jobs.apps.serving.answers import ERROR_HANDLERS, ApiError, Json, bad_request, read_body, read_object

_BODY_LIMIT_BYTES = 8 * 1024 * 1024
_MOST_LINES = 20_000  # so that the answer fits into the job's 256 MB


def parse_log(text: str) -> dict[str, list[dict[str, object]]]:
    """Parse a log into a record for each good line and an error for each other, both with the line number, from 1."""
    records: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or is_header(stripped):
            continue
        try:
            records.append({"line": number, **parse_line(stripped)})
        except ValueError as error:
            errors.append({"line": number, "error": str(error)})
    return {"records": records, "errors": errors}


def make_parser(tally: Tally) -> Starlette:
    """Build the app with `POST /parse`: a log as text, or as `{"log": "…"}`."""

    async def parse(request: Request) -> Response:
        text = await _read_log(request)
        result = await asyncio.to_thread(parse_log, text)
        tally.requests += 1
        tally.lines.update(str(record["format"]) for record in result["records"])
        tally.lines["error"] += len(result["errors"])
        return Json(result)

    routes = [Route("/parse", parse, methods=["POST"]), Route("/health", _health)]
    return Starlette(routes=routes, exception_handlers=ERROR_HANDLERS)


def make_admin(tally: Tally) -> Starlette:
    """Build the app with `/stats` and `/metrics`."""
    registry = prometheus_client.CollectorRegistry()
    registry.register(TallyCollector(tally))

    async def stats(_request: Request) -> Response:
        return Json(tally.as_json())

    async def metrics(_request: Request) -> Response:
        return Response(prometheus_client.generate_latest(registry), media_type="text/plain; version=0.0.4")

    routes = [Route("/stats", stats), Route("/metrics", metrics), Route("/health", _health)]
    return Starlette(routes=routes, exception_handlers=ERROR_HANDLERS)


async def _health(_request: Request) -> Response:
    return Json({"status": "ok"})


async def _read_log(request: Request) -> str:
    if request.headers.get("content-type", "").startswith("application/json"):
        text = (await read_object(request, _BODY_LIMIT_BYTES)).get("log")
    else:
        text = (await read_body(request, _BODY_LIMIT_BYTES)).decode(errors="replace")
    if not isinstance(text, str):
        raise bad_request("`log` must be a text with one log line per line.", "log")
    if text.count("\n") > _MOST_LINES:
        raise ApiError(status=413, message=f"More than {_MOST_LINES} lines; send them in parts.")
    return text
