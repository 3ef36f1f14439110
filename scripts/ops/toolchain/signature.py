"""Checks a publisher's OpenPGP signature against the key whose fingerprint is pinned."""

from collections.abc import Iterator

from pysequoia import Cert, Sig, verify

from nomad_jobs.errors import BerthError
from scripts.ops.toolchain import download
from scripts.ops.toolchain.programs import Release
from scripts.ops.toolchain.ways import UnavailableError


def check(archive: str, data: bytes, signed: bytes, release: Release) -> None:
    """Verify that `signed` is a signature over `data` by the pinned key.

    Raises:
        UnavailableError: the key cannot be fetched.
        BerthError: the signature is of another key, or not over this data.

    """
    faults: list[str] = []
    seen = False
    for cert in _keys(release, faults):
        if _is_by(cert, data, signed):
            return
        seen = True
    if not seen:
        raise UnavailableError(f"the publisher's key cannot be had: {'; '.join(faults)}")
    what = f"the signature over its checksums is not by the key {release.fingerprint}, refused"
    fix = "something alters your downloads, or the publisher has a new key: find out before you go on"
    raise BerthError(archive, what, fix)


def _is_by(cert: Cert, data: bytes, signed: bytes) -> bool:
    try:
        verify(bytes=data, store=lambda _ids: [cert], signature=Sig.from_bytes(signed))
    except RuntimeError:  # the library raises nothing else; its text is a Rust backtrace
        return False
    return True


def _keys(release: Release, faults: list[str]) -> Iterator[Cert]:
    """Yield the pinned key from each place that serves it: a copy may be older than the key's last renewal."""
    for url in release.key_urls:
        try:
            cert = Cert.from_bytes(download.read(url))
        except UnavailableError as fault:
            faults.append(str(fault))
            continue
        except RuntimeError:
            faults.append(f"{url} holds no key")
            continue
        if cert.fingerprint.upper() == release.fingerprint:  # computed from the key, so it cannot be forged
            yield cert
        else:
            faults.append(f"{url} holds another key")
