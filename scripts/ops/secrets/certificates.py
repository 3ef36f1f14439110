"""Says what is wrong with a TLS certificate and its key before anybody is given them; pure."""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def leaf(certificate: str) -> x509.Certificate | None:
    """Parse the first certificate of a PEM chain; None if it is none."""
    try:
        return x509.load_pem_x509_certificates(certificate.encode())[0]
    except ValueError:
        return None


def faults(certificate: str, private_key: str, hosts: Sequence[str], now: dt.datetime) -> Iterator[str]:
    """Name what clients or NGINX would refuse. Nothing of the key is in any of it."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        yield "certificate: holds no PEM certificate"
        return
    yield from _key_faults(chain, private_key)
    yield from _chain_faults(chain)
    for one in chain:
        if one.not_valid_after_utc <= now:
            yield f"certificate: that of {_name(one)} expired on {one.not_valid_after_utc:%Y-%m-%d}"
        elif one.not_valid_before_utc > now:
            yield f"certificate: that of {_name(one)} is valid from {one.not_valid_before_utc:%Y-%m-%d} on"
    if lacking := [host for host in hosts if not covers(chain[0], host)]:
        yield f"certificate: does not cover {', '.join(lacking)}"


def covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether a client that asks for `host` accepts it: a wildcard stands for one label."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    covered = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    parent = host.partition(".")[2]
    return host in covered or ("." in parent and f"*.{parent}" in covered)


def _key_faults(chain: Sequence[x509.Certificate], private_key: str) -> Iterator[str]:
    key = None
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except TypeError:
        yield "private_key: is encrypted, and a node has no password for it"
    except (ValueError, UnsupportedAlgorithm):
        yield "private_key: holds no PEM key that NGINX could read"
    if key is None:
        return
    ours = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    matching = [one for one in chain if _public(one) == ours]
    if not matching:
        yield f"private_key: belongs to another certificate than that of {_name(chain[0])}"
    elif matching[0] is not chain[0]:
        yield f"certificate: that of {_name(matching[0])}, to which the key belongs, must come first"


def _chain_faults(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for one, issuer in pairwise(chain):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            yield f"certificate: that of {_name(one)} is not signed by the one after it, {_name(issuer)}"


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "nobody"
