"""A service that says what reached it: method, path, headers, length of the body; `/headers/N` answers with N bytes
of headers, and a WebSocket anywhere gives each message back. Standard library only: Nomad writes it into the task."""

import base64
import hashlib
import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._websocket()
            return
        length = int(self.headers.get("Content-Length", 0))
        left = length
        while left:
            left -= len(self.rfile.read(min(left, 65536)))
        said = {"method": self.command, "path": self.path, "headers": dict(self.headers), "length": length}
        body = json.dumps(said).encode()
        self.send_response(200)
        if self.path.startswith("/headers/"):
            self.send_header("X-Large", "x" * int(self.path.rpartition("/")[2]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def _websocket(self) -> None:
        digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _GUID, usedforsecurity=False).digest()
        self.send_response(101)
        for name, value in {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        while head := self.rfile.read(2):
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(head[1] & 0x7F)))
            self.wfile.write(bytes((head[0], len(data))) + data)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a container's first process ends at no other signal
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Echo).serve_forever()
