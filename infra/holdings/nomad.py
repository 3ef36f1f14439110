"""What Nomad is told before anything is deployed, and where it publishes the keys with which it signs identities."""

from __future__ import annotations

from typing import Any

HEADER = "X-Nomad-Token"
JWKS_PATH = "/.well-known/jwks.json"
BOOTSTRAP = "acl/bootstrap"


def first_token(secret: str) -> dict[str, Any]:
    """Body of the one bootstrap there can be: its secret is chosen beforehand, so that it can be repeated."""
    return {"BootstrapSecret": secret}
