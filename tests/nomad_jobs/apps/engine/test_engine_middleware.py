"""Middleware by import path, as vLLM takes it: classes and coroutine functions, the last one outermost."""

from pathlib import Path

import httpx
import pytest

from nomad_jobs.apps.engine.middleware import load
from nomad_jobs.errors import ConfigError
from tests.support.apps import running_engine

SOURCE = """
class Marked:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def marked(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-order", b"class")]
            await send(message)

        await self.app(scope, receive, marked)


async def answered(request, call_next):
    response = await call_next(request)
    response.headers.append("x-order", "function")
    return response


nothing = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "marks.py").write_text(SOURCE)
    return tmp_path


def order(folder: Path, *paths: str) -> list[str]:
    words = [word for path in paths for word in ("--middleware", path)]
    with running_engine(folder, *words, env={"PYTHONPATH": str(folder)}) as engine:
        answer = httpx.get(engine.url() + "/version", trust_env=False)
    assert answer.json() == {"version": "0.19.1+simulated"}
    return answer.headers.get_list("x-order")


def test_the_last_one_named_is_the_outermost(folder: Path) -> None:
    assert order(folder, "marks.Marked", "marks.answered") == ["class", "function"]
    assert order(folder, "marks.answered", "marks.Marked") == ["function", "class"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("marks.nothing", r"marks\.nothing must be a class or a coroutine function"),
        ("marks.Other", r"module 'marks' has no attribute 'Other'"),
        ("nowhere.Guard", r"No module named 'nowhere' — name it as module\.Class, with PYTHONPATH set"),
        ("Guard", r"Guard: Empty module name"),
    ],
)
def test_what_cannot_be_middleware_is_refused(
    folder: Path, path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ConfigError, match=message):
        load([path])
