"""A GitLab that signs the tokens of jobs: its keys, served over TLS where GitLab has them."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.machines.certificates import Authority

_KEYS = "/oauth/discovery/keys"


@dataclass(kw_only=True)
class Issuer:
    """Its URL, and the authority of its certificate; what it answers at each path may be changed."""

    url: str
    ca_file: Path
    key: RSAKey
    answers: dict[str, Any] = field(default_factory=dict)

    def sign(self, claims: dict[str, Any], key: RSAKey | None = None, algorithm: str = "RS256") -> str:
        """Sign a job's token as GitLab does; a claim of None is left out."""
        now = int(time.time())
        own = {"iss": self.url, "iat": now, "nbf": now - 5, "exp": now + 300, "jti": "1", **claims}
        stated = {name: value for name, value in own.items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, stated, key or self.key)

    def publish(self, *keys: RSAKey) -> None:
        """Publish these keys, and no others."""
        self.answers[_KEYS] = {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"} for key in keys]}


@contextmanager
def issuer(folder: Path) -> Iterator[Issuer]:
    """Serve one on loopback."""
    authority = Authority(folder / "gitlab-authority")
    made = Issuer(url="", ca_file=authority.certificate_file, key=RSAKey.generate_key(2048, auto_kid=True))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in made.answers
            body = json.dumps(made.answers.get(self.path)).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(["localhost"], "127.0.0.1"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"https://localhost:{server.server_port}"
        made.answers["/.well-known/openid-configuration"] = {"issuer": made.url, "jwks_uri": f"{made.url}{_KEYS}"}
        made.publish(made.key)
        threading.Thread(target=server.serve_forever).start()
        try:
            yield made
        finally:
            server.shutdown()
