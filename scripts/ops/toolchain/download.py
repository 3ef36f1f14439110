"""Downloads files over HTTP, and goes on where an earlier download was cut off."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.ops.toolchain.ways import UnavailableError

_TIMEOUT = httpx.Timeout(30, connect=10)
_SMALL_S = 60
_STALLS = 3  # attempts in a row that brought nothing
_OK = 200
_PARTIAL = 206
_RANGE = 416


def read(url: str) -> bytes:
    """Return a small file.

    Raises:
        UnavailableError: it cannot be fetched.

    """
    ends_at = time.monotonic() + _SMALL_S
    content = b""
    try:
        with _client() as client, client.stream("GET", url) as answer:
            for block in answer.iter_bytes():
                content += block
                if time.monotonic() > ends_at:
                    raise UnavailableError(f"{url} took longer than {_SMALL_S} s")
    except httpx.HTTPError as error:
        raise _unreachable(url, error) from error
    _check(url, answer.status_code)
    return content


def fetch(url: str, part: Path, says: Callable[[int, int], None]) -> None:
    """Download `url` into `part`, appending to what an earlier run left; `says` is called with (bytes, total bytes).

    Raises:
        UnavailableError: it cannot be fetched; the part that was is kept for the next run.
        OSError: `part` cannot be written.

    """
    part.parent.mkdir(parents=True, exist_ok=True)
    stalls = 0
    with _client() as client:
        while True:
            before = _size(part)
            try:
                _receive(client, url, part, says)
            except httpx.HTTPError as error:
                stalls = stalls + 1 if _size(part) <= before else 0
                if stalls == _STALLS:
                    raise _unreachable(url, error) from error
            else:
                return


def _client() -> httpx.Client:
    try:
        return httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
    except (OSError, ValueError, httpx.InvalidURL) as error:  # a proxy or certificate variable is malformed
        raise UnavailableError(f"no HTTPS with these proxy and SSL_CERT_* variables ({error})") from error


def _receive(client: httpx.Client, url: str, part: Path, says: Callable[[int, int], None]) -> None:
    have = _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    # identity: byte positions of a compressed transfer would not be those of the file
    headers["Accept-Encoding"] = "identity"
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code == _RANGE and answer.headers.get("content-range") == f"bytes */{have}":
            return  # the file is complete
        goes_on = answer.status_code == _PARTIAL and _starts_at(answer) == have
        if answer.status_code in {_RANGE, _PARTIAL} and not goes_on:
            part.unlink(missing_ok=True)
            raise httpx.ReadError("what an earlier run left does not fit the file")
        _check(url, answer.status_code)
        have = have if goes_on else 0
        total = have + int(answer.headers.get("content-length", 0))
        with part.open("ab" if goes_on else "wb") as file:
            for block in answer.iter_bytes(1 << 18):
                file.write(block)
                have += len(block)
                says(have, total)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _starts_at(answer: httpx.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", answer.headers.get("content-range", ""))
    return int(match[1]) if match else None


def _check(url: str, status: int) -> None:
    if status not in {_OK, _PARTIAL}:
        raise UnavailableError(f"{url} answers HTTP {status}")


def _unreachable(url: str, error: Exception) -> UnavailableError:
    return UnavailableError(f"{urlsplit(url).hostname} cannot be reached ({error or type(error).__name__})")
