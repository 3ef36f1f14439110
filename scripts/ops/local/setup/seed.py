"""Makes the first values of the laptop's secrets, writes each once, and shows none."""

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
from scripts.ops.clients.vault import Vault

_YEAR = dt.timedelta(days=365)
_TOKEN_BYTES = 32
_RENEWED_BEFORE = dt.timedelta(days=30)
_AUTHORITY = "Berth laptop authority"
_MARK = {"made_by": "berth"}
"""In the metadata of each secret written here: no other secret is ever changed."""


def seed(services: Sequence[Service], platform: Platform, vault: Vault, keys: Path) -> int:
    """Write each secret of the catalogue that Vault lacks, and complete those made here; give the number of writes.

    `services` is the whole catalogue, since the certificate covers their hosts. What an operator has set stays: each
    write is a check-and-set, and only a secret with our mark gets missing fields, or a new version after it was
    deleted. `keys` is the folder of the laptop's certificate authority, which is made when first needed.
    """
    hosts = [route_host(service, platform) for service in services if service.route]
    return sum(_seed_one(path, secrets, hosts, vault, keys) for path, secrets in _paths(services, platform).items())


def _seed_one(path: str, named: Sequence[Secret], hosts: Sequence[str], vault: Vault, keys: Path) -> bool:
    newest = vault.newest(path)
    current = vault.secret(path) if newest.is_there else {}
    if newest.version and not _is_ours(path, newest.version, vault):
        return False
    is_certificate = any(secret.origin is Origin.CERTIFICATE for secret in named)
    if is_certificate:
        # Clients refuse a wildcard directly below `localhost`, so a new host needs a new certificate.
        if _covers(current.get("certificate", ""), hosts):
            return False
        values = dict(zip(("certificate", "private_key"), make_certificate(hosts, keys), strict=True))
    else:
        missing = [field for secret in named for field in secret.fields if field not in current]
        if not missing:
            return False
        values = {**current, **{field: secrets.token_urlsafe(_TOKEN_BYTES) for field in missing}}
    version = vault.put_secret(path, values, after_version=newest.version)
    vault.mark(path, {**_MARK, "version": str(version)})
    return True


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


def _paths(services: Sequence[Service], platform: Platform) -> Mapping[str, list[Secret]]:
    """Collect the secrets by path: services may each name different fields of the same one."""
    found: dict[str, list[Secret]] = {}
    for service in services:
        for secret in service.secrets:
            found.setdefault(f"{platform.namespace}/{secret_path(secret, service)}", []).append(secret)
    return found


def _is_ours(path: str, version: int, vault: Vault) -> bool:
    """Whether this version of a secret was made here: what somebody else wrote after it is theirs."""
    return (vault.metadata(path) or {}).get("custom_metadata") == {**_MARK, "version": str(version)}


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _covers(certificate: str, hosts: Sequence[str]) -> bool:
    """Whether a certificate that was made here is good for `hosts`, and will be for a month."""
    if not certificate:
        return False
    found = x509.load_pem_x509_certificate(certificate.encode())
    if found.not_valid_after_utc - dt.datetime.now(dt.UTC) < _RENEWED_BEFORE:
        return False
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(hosts) <= set(names.get_values_for_type(x509.DNSName))


def make_certificate(hosts: Sequence[str], keys: Path) -> tuple[str, str]:
    """Make a certificate and its key (PEM) for `hosts`, signed by the authority in `keys`."""
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
    """Read the laptop's certificate authority, or make it; a browser may be told to trust `ca.crt`."""
    certificate_file = keys / "ca.crt"
    key_file = keys / "ca.key"
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(certificate_file.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_AUTHORITY, _subject(_AUTHORITY), key.public_key(), years=10)
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
