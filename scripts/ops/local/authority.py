"""The laptop's certificate authority, and the certificates that it signs."""

import datetime as dt
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CERTIFICATE = "ca.crt"
"""Its file in the folder of keys; a browser may be told to trust it."""
_YEAR = dt.timedelta(days=365)
_RENEWED_BEFORE = dt.timedelta(days=30)
_NAME = "Berth laptop authority"


def covers(certificate: str, hosts: Sequence[str], addresses: Sequence[str] = ()) -> bool:
    """Whether a certificate that was made here is good for all of these, and will be for a month."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:  # there is none, or somebody damaged it
        return False
    if found.not_valid_after_utc - dt.datetime.now(dt.UTC) < _RENEWED_BEFORE:
        return False
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    return covered >= {*hosts, *addresses}


def make_certificate(subject: str, hosts: Sequence[str], addresses: Sequence[str], keys: Path) -> tuple[str, str]:
    """Make a certificate and its key (PEM) for `hosts` and `addresses`, signed by the authority in `keys`."""
    authority, authority_key = _authority(keys)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [*map(x509.DNSName, hosts), *(x509.IPAddress(ip_address(one)) for one in addresses)]
    certificate = (
        _builder(subject, authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def _authority(keys: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Read the laptop's certificate authority, or make it."""
    certificate_file = keys / CERTIFICATE
    key_file = keys / "ca.key"
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(certificate_file.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_NAME, _subject(_NAME), key.public_key(), years=10)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file.touch(mode=0o600)
    key_file.write_text(_key_pem(key))
    certificate_file.write_text(_pem(certificate))
    return certificate, key


def _builder(
    name: str, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, years: int = 1
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + years * _YEAR)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
