"""Reads the certificate that a server presents, by a TLS handshake; nothing is sent to it."""

import socket
import ssl
from urllib.parse import urlsplit

from cryptography import x509

_TIMEOUT_S = 5.0


def presented(address: str, port: int, host: str) -> x509.Certificate | str:
    """Give the certificate for `host` that the server at `address` presents, or say in words why there is none.

    It is not verified: one that has expired is what is looked for.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, port), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            found = secure.getpeercert(binary_form=True)
    except OSError as error:
        return f"no TLS at {address}:{port} ({error.strerror or error})"
    return x509.load_der_x509_certificate(found) if found else f"no certificate at {address}:{port}"


def presented_at(url: str) -> x509.Certificate | str:
    """Give the certificate that the server at an https address presents; raises nothing, as `presented`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return presented(host, parts.port or 443, host)
