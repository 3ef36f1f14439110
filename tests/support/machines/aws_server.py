"""AWS for the machines: moto over TLS, under AWS's own names, and the one call of theirs that moto lacks."""

import argparse
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

_DONE = b"<CompleteLifecycleActionResponse><ResponseMetadata/></CompleteLifecycleActionResponse>"


class Recorded:
    """Answers CompleteLifecycleAction, and writes it down; everything else is moto's."""

    def __init__(self, inner: Any, log: Path) -> None:
        self._inner, self._log, self._turn = inner, log, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ["HTTP_HOST"].startswith("autoscaling."):
            with self._turn:  # moto's backends are not made for threads
                return list(self._inner(environ, start_response))
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        form = dict(urllib.parse.parse_qsl(body))
        with self._log.open("a") as log:
            log.write(f"{form['InstanceId']} {form['LifecycleHookName']} {form['LifecycleActionResult']}\n")
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [_DONE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("host", "cert", "key", "log"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    app = Recorded(DomainDispatcherApplication(create_backend_app), Path(given.log))
    run_simple(given.host, 443, app, threaded=True, ssl_context=(given.cert, given.key))


if __name__ == "__main__":
    main()
