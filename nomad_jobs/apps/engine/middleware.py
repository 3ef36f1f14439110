"""ASGI middleware by its import path, as vLLM's `--middleware` takes it."""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

from nomad_jobs.errors import ConfigError


def load(paths: Sequence[str]) -> tuple[Middleware, ...]:
    """Import each `module.Name`, outermost first: with vLLM that is the one named last.

    A class wraps the app; a coroutine function gets each HTTP request and what answers it.

    Raises:
        ConfigError: there is no such module or name, or it is something else.

    """
    return tuple(_load(path) for path in reversed(paths))


def _load(path: str) -> Middleware:
    module, _, name = path.rpartition(".")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("--middleware", f"{path}: {error}", "name it as module.Class, with PYTHONPATH set") from None
    if inspect.iscoroutinefunction(found):
        return Middleware(BaseHTTPMiddleware, dispatch=found)
    if not inspect.isclass(found):
        raise ConfigError("--middleware", f"{path} must be a class or a coroutine function")
    factory: Any = found
    return Middleware(factory)
