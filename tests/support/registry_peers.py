"""What surrounds a registry in a test: a token server, a proxy with faults, and certificates for both."""

import base64
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.support.registry import PASSWORD, USER

ISSUER = SERVICE = "a test"
_DRIP_S = 0.05


@dataclass(slots=True)
class Exchange:
    """A question and the registry's answer, which a fault may change before it is passed on."""

    method: str
    path: str
    authorization: str
    status: int
    headers: dict[str, str]
    body: bytes
    drip: bool = False
    """Pass the body on byte by byte, slowly."""


@dataclass(slots=True)
class Proxy:
    """A proxy on loopback; `fault` is called with each exchange, which `seen` keeps."""

    address: str = ""
    fault: Callable[[Exchange], None] = lambda _: None
    seen: list[Exchange] = field(default_factory=list)


@dataclass(slots=True)
class TokenServer:
    """A token server (Docker's token specification) that lets anyone pull `public/…` and USER pull the rest."""

    key: rsa.RSAPrivateKey
    certificate: Path
    realm: str = ""
    scopes: list[str] = field(default_factory=list)

    @property
    def auth(self) -> dict[str, Any]:
        """Auth section of a registry that trusts it."""
        return {
            "token": {
                "realm": self.realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(self.certificate),
            }
        }

    def token(self, scope: str, authorization: str) -> str:
        """Sign a token for the granted part of `scope`: perhaps nothing, as real token servers do."""
        kind, name, actions = scope.split(":")
        may = name.startswith("public/") or authorization == basic(USER, PASSWORD)
        access = [{"type": kind, "name": name, "actions": actions.split(",")}] if may else []
        now = int(time.time())
        ends = int(time.time()) + 300
        claims = {"iss": ISSUER, "aud": SERVICE, "sub": "", "iat": now, "nbf": now - 9, "exp": ends, "jti": "1"}
        der = x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims | {'access': access}).encode())}"
        return f"{signed}.{_part(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def basic(user: str, password: str) -> str:
    """Value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Stand between the test and the registry at `target` until the end of the block."""
    state = Proxy()

    class Handler(_Quiet):
        def _answer(self) -> None:
            accept, authorization = self.headers.get("accept", ""), self.headers.get("authorization", "")
            headers = {"accept": accept, "authorization": authorization} if authorization else {"accept": accept}
            real = httpx.request(self.command, f"http://{target}{self.path}", headers=headers, trust_env=False)
            kept = {name: value for name, value in real.headers.items() if name not in {"content-length", "date"}}
            exchange = Exchange(self.command, self.path, authorization, real.status_code, kept, real.content)
            state.seen.append(exchange)
            state.fault(exchange)
            self.reply(exchange)

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

    with _served(Handler) as state.address:
        yield state


@contextmanager
def token_server(folder: Path) -> Iterator[TokenServer]:
    """Hand out tokens until the end of the block."""
    certificate, key = make_certificate(folder, "tokens.test")
    state = TokenServer(key, certificate)

    class Handler(_Quiet):
        def do_GET(self) -> None:
            scope = parse_qs(urlsplit(self.path).query)["scope"][0]
            authorization = self.headers.get("authorization")
            state.scopes.append(scope)
            if authorization not in {None, basic(USER, PASSWORD)}:
                self.reply(Exchange("GET", self.path, "", 401, {}, b"{}"))
                return
            token = json.dumps({"token": state.token(scope, authorization or "")}).encode()
            self.reply(Exchange("GET", self.path, "", 200, {"content-type": "application/json"}, token))

    with _served(Handler) as address:
        state.realm = f"http://{address}/token"
        yield state


def make_certificate(folder: Path, host: str) -> tuple[Path, rsa.RSAPrivateKey]:
    """Write `<host>.crt` and `<host>.key`, self-signed for an hour; return the first's path and the key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - hour).not_valid_after(now + hour)
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    pem = serialization.Encoding.PEM
    (folder / f"{host}.crt").write_bytes(built.sign(key, hashes.SHA256()).public_bytes(pem))
    pkcs8 = serialization.PrivateFormat.PKCS8
    no_password = serialization.NoEncryption()
    (folder / f"{host}.key").write_bytes(key.private_bytes(pem, pkcs8, no_password))
    return folder / f"{host}.crt", key


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def reply(self, exchange: Exchange) -> None:
        self.send_response(exchange.status)
        for name, value in exchange.headers.items():
            self.send_header(name, value)
        self.end_headers()
        pieces = [exchange.body[at : at + 1] for at in range(len(exchange.body))] if exchange.drip else [exchange.body]
        for piece in pieces if self.command != "HEAD" else ():
            try:
                self.wfile.write(piece)
            except OSError:  # the test's client has closed the connection, as it should
                return
            if exchange.drip:
                threading.Event().wait(_DRIP_S)

    def log_message(self, *args: object) -> None:
        del args


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
