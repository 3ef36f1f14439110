"""Answers `/` at once and `/slow?7` after seven seconds. With the argument `heeds` it ends well at SIGTERM: it takes
no new request, finishes those it has and exits; with `ignores` it knows no signal, as most small programs."""

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/slow":
            print("began", flush=True)
            threading.Event().wait(float(asked.query))
        body = b"whole"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        del args


class Server(ThreadingHTTPServer):
    daemon_threads = False  # closing it waits for the requests that run


if __name__ == "__main__":
    how, host, port = sys.argv[1:]
    with Server((host, int(port)), Handler) as server:
        if how == "heeds":
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever()
    print("ended well", flush=True)
