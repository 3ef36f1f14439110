"""The detector's HTTP side."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nomad_jobs.apps.bot_detector.classifier import THRESHOLD, Classifier
from nomad_jobs.apps.bot_detector.subscribers import Subscriber
from nomad_jobs.apps.serving.answers import ERROR_HANDLERS, Json, bad_request, read_object
from nomad_jobs.apps.serving.bearer import Bearer

_BODY_LIMIT_BYTES = 64 * 1024
_LONGEST_TEXT = 320  # RFC 3696 allows an address as much, and for a name it is plenty


def make_app(classifier: Classifier, keys: Callable[[], Sequence[str]]) -> Starlette:
    """Build the app; each request asks `keys` for the API keys that are good now."""

    async def predict(request: Request) -> Response:
        probability = classifier.probability(_subscriber(await read_object(request, _BODY_LIMIT_BYTES)))
        answer = {"bot": probability >= THRESHOLD, "probability": round(probability, 4)}
        return Json({**answer, "model": classifier.card})

    async def health(_request: Request) -> Response:
        return Json({"status": "ok"})

    return Starlette(
        routes=[Route("/predict", predict, methods=["POST"]), Route("/health", health)],
        middleware=[Middleware(Bearer, keys=keys, prefix="/predict")],
        exception_handlers=ERROR_HANDLERS,
    )


def _subscriber(body: dict[str, object]) -> Subscriber:
    """Read email and name; ignore further fields, such as an IP address."""
    email = body.get("email")
    name = body.get("name")
    name = "" if name is None else name
    if not isinstance(email, str) or len(email) > _LONGEST_TEXT or not all(email.rpartition("@")[::2]):
        raise bad_request("`email` must be an address, such as ada@example.com.", "email")
    if not isinstance(name, str) or len(name) > _LONGEST_TEXT:
        raise bad_request(f"`name` must be a text of at most {_LONGEST_TEXT} characters.", "name")
    return Subscriber(email, name)
