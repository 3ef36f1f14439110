"""AWS for the machines: moto over TLS under AWS's own names, and the one call that moto lacks."""

import argparse
import io
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

_PATIENCE_S = 20
_DONE = b"<CompleteLifecycleActionResponse><ResponseMetadata/></CompleteLifecycleActionResponse>"


class Recorded:
    """Answers CompleteLifecycleAction and logs it; moto answers everything else."""

    def __init__(self, inner: Any, log: Path) -> None:
        self._inner = inner
        self._log = log
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = get_input_stream(environ).read()
        if not environ["HTTP_HOST"].startswith("autoscaling."):
            environ["wsgi.input"] = io.BytesIO(body)
            with self._turn:  # moto's backends are not thread-safe
                return list(self._inner(environ, start_response))
        form = dict(urllib.parse.parse_qsl(body.decode()))
        with self._log.open("a") as log:
            log.write(f"{form['InstanceId']} {form['LifecycleHookName']} {form['LifecycleActionResult']}\n")
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [_DONE]


class Patient(WSGIRequestHandler):
    """Closes a connection whose other end was switched off and is silent."""

    timeout = _PATIENCE_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("host", "cert", "key", "log"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    app = Recorded(DomainDispatcherApplication(create_backend_app), Path(given.log))
    ssl_context = (given.cert, given.key)
    server = make_server(given.host, 443, app, threaded=True, request_handler=Patient, ssl_context=ssl_context)
    # The TLS handshake runs in each connection's thread: here a machine switched off meanwhile would block all others.
    setattr(server.socket, "do_handshake_on_connect", False)
    server.serve_forever()


if __name__ == "__main__":
    main()
