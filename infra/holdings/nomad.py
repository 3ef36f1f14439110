"""Nomad's bootstrap, and the path of the keys with which it signs identities."""

from __future__ import annotations

from typing import Any

HEADER = "X-Nomad-Token"
JWKS_PATH = "/.well-known/jwks.json"
BOOTSTRAP = "acl/bootstrap"


def first_token(secret: str) -> dict[str, Any]:
    """Write the body of the bootstrap; its secret is chosen beforehand, so that a crash cannot lose it."""
    return {"BootstrapSecret": secret}
