"""Asks GitLab for the public keys of its tokens, over TLS, on behalf of a Vault that cannot reach it."""

from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from nomad_jobs.errors import BerthError

_TIMEOUT_S = 10.0
_ABOUT = "/.well-known/openid-configuration"


def published(issuer: str) -> list[str]:
    """Give the keys (PEM) with which `issuer` signs, in an order that stays.

    Raises:
        BerthError: it does not answer, is another issuer than it should be, or publishes no key.

    """
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        about = _read(http, f"{issuer}{_ABOUT}")
        if about.get("issuer") != issuer:
            raise BerthError(issuer, f"calls itself {about.get('issuer')}", "write that name into berth:gitlab.url")
        where = str(about.get("jwks_uri"))
        if not where.startswith(f"{issuer}/"):
            raise BerthError(issuer, f"has its keys elsewhere, at {where}", "Berth takes keys from the issuer alone")
        return _pem(where, _read(http, where))


def _read(http: httpx.Client, url: str) -> dict[str, Any]:
    try:
        answer = http.get(url)
        answer.raise_for_status()
        return dict(answer.json())
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise BerthError(url, f"does not answer as GitLab does ({error})", "can this machine reach it?") from None


def _pem(where: str, found: dict[str, Any]) -> list[str]:
    try:
        keys = [RSAKey.import_key(one) for one in found["keys"] if one.get("kty") == "RSA"]
        texts = sorted({key.as_pem(private=False).decode().strip() for key in keys})
    except (JoseError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise BerthError(where, f"holds no keys that can be read ({error})") from None
    if not texts:
        raise BerthError(where, "publishes no RSA key, which is what GitLab signs with")
    return texts
