"""First values for the laptop's secrets: made here, written once, never shown."""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nginx.render import route_host
from nomad_jobs.model import Origin, Secret, Service, secret_path
from nomad_jobs.platform import Platform
from scripts.ops.vault import Vault

_YEAR = dt.timedelta(days=365)
_TOKEN_BYTES = 32


def seed(services: Sequence[Service], platform: Platform, vault: Vault, keys: Path) -> int:
    """Write each secret of the catalogue that Vault does not hold yet; give how many.

    `services` is the whole catalogue: the certificate is for exactly their hosts. What an operator has set stays: a
    write needs the path to be as it was read (check-and-set). `keys` holds the laptop's certificate authority, made
    on first need.
    """
    hosts = [route_host(service, platform) for service in services if service.route]
    writes = 0
    for path, secret in _paths(services, platform).items():
        version = vault.secret_version(path)
        # A wildcard right below `localhost` is refused by clients, so a new host needs a new certificate.
        stale = (
            version and secret.origin is Origin.CERTIFICATE and not _covers(vault.secret(path)["certificate"], hosts)
        )
        if version == 0 or stale:
            vault.put_secret(path, _first_value(secret, hosts, keys), after_version=version)
            writes += 1
    return writes


def write_headers(services: Sequence[Service], platform: Platform, vault: Vault, folder: Path) -> None:
    """Write the Authorization header of each sample to a 0600 file: `curl -H @file` keeps keys out of argv."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for service in services:
        bearer = service.route.sample.bearer if service.route else None
        if bearer is None:
            continue
        value = vault.secret(f"{platform.namespace}/{secret_path(bearer.secret, service)}")[bearer.field]
        path = folder / service.name
        path.touch(mode=0o600)
        path.write_text(f"Authorization: Bearer {value}\n")


def _paths(services: Sequence[Service], platform: Platform) -> Mapping[str, Secret]:
    return {
        f"{platform.namespace}/{secret_path(secret, service)}": secret
        for service in services
        for secret in service.secrets
    }


def _first_value(secret: Secret, hosts: Sequence[str], keys: Path) -> dict[str, str]:
    if secret.origin is Origin.CERTIFICATE:
        certificate, key = _certificate(hosts, keys)
        return {"certificate": certificate, "private_key": key}
    return {field: secrets.token_urlsafe(_TOKEN_BYTES) for field in secret.fields}


def _covers(certificate: str, hosts: Sequence[str]) -> bool:
    extensions = x509.load_pem_x509_certificate(certificate.encode()).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(hosts) <= set(names.get_values_for_type(x509.DNSName))


def _certificate(hosts: Sequence[str], keys: Path) -> tuple[str, str]:
    authority, authority_key = _authority(keys)
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    certificate = (
        _builder("Berth laptop front door", authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([*names, x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def _authority(keys: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Read the laptop's certificate authority, or make it; `ca.crt` is what a browser may be told to trust."""
    certificate_file, key_file = keys / "ca.crt", keys / "ca.key"
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(certificate_file.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Berth laptop authority")])
    certificate = (
        _builder("Berth laptop authority", name, key.public_key(), years=10)
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
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
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
