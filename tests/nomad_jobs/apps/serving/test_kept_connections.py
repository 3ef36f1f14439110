"""A kept connection is no slower than a fresh one: no answer waits for the client's delayed ACK."""

import http.client
import json
import statistics
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.support.apps import App

# With Nagle's algorithm on, a kept connection takes 20 to 40 times as long; the machine's other work slows both alike.
RUNS = 15
AT_MOST = 4
HEADERS = {"Authorization": "Bearer first-key", "Content-Type": "application/json"}

Ask = Callable[[http.client.HTTPConnection], None]


def models(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/v1/models", headers=HEADERS)
    assert b'"id":"scout"' in connection.getresponse().read()


def tokens(connection: http.client.HTTPConnection) -> None:
    body = json.dumps({"prompt": "x", "max_tokens": 5, "stream": True})
    connection.request("POST", "/v1/completions", body, HEADERS)
    assert connection.getresponse().read().endswith(b"data: [DONE]\n\n")


def timed(ask: Ask, connection: http.client.HTTPConnection) -> float:
    start = time.perf_counter()
    ask(connection)
    return time.perf_counter() - start


@pytest.mark.parametrize("ask", [models, tokens], ids=["answers", "token streams"])
def test_later_requests_of_a_connection_are_as_fast_as_the_first(engine: App, ask: Ask) -> None:
    fresh = []
    later = []
    with closing(http.client.HTTPConnection("127.0.0.1", engine.port, timeout=30)) as kept:
        ask(kept)
        for _ in range(RUNS):
            with closing(http.client.HTTPConnection("127.0.0.1", engine.port, timeout=30)) as connection:
                fresh.append(timed(ask, connection))
            later.append(timed(ask, kept))
    assert statistics.median(later) < AT_MOST * statistics.median(fresh), (later, fresh)
