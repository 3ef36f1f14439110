"""The certificate of the https port: a given one, or a self-signed one that the program makes at its start."""

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nomad_jobs.errors import ConfigError

_CERTIFICATE = "tls.crt"
_KEY = "tls.key"
_VALID = timedelta(days=365)


def load(directory: Path) -> ssl.SSLContext:
    """Read `tls.crt` and `tls.key` (PEM) from `directory`; raises ConfigError when that fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(directory / _CERTIFICATE, directory / _KEY)
    except (OSError, ssl.SSLError) as error:
        what = f"{_CERTIFICATE} and {_KEY} cannot be used: {error.strerror or error}"
        raise ConfigError(str(directory), what, "leave --tls-dir out for a self-signed certificate") from None
    return context


def self_signed(host: str) -> ssl.SSLContext:
    """Make a key and a certificate for `host` (name or address) and localhost, good for a year, kept in memory only."""
    with tempfile.TemporaryDirectory() as folder:  # Python's ssl reads files only; these exist for this block
        directory = Path(folder)
        _write(directory, host)
        return load(directory)


def _write(directory: Path, host: str) -> None:
    try:
        named: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        named = x509.DNSName(host)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fw-parse (self-signed)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([named, x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / _CERTIFICATE).write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (directory / _KEY).write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
