"""The instance's own metadata service, version 2: a token for every call."""

from __future__ import annotations

import json
from typing import Any

from infra.machine.web import Refused, call

_URL = "http://169.254.169.254/latest"


class Metadata:
    """What an instance can learn about itself."""

    def __init__(self) -> None:
        self._identity: dict[str, Any] = {}

    def get(self, path: str) -> str | None:
        """Read one value; None where there is none."""
        _, token = call("PUT", f"{_URL}/api/token", b"", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        try:
            _, value = call("GET", f"{_URL}/{path}", headers={"X-aws-ec2-metadata-token": token.decode()})
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return value.decode()

    @property
    def identity(self) -> dict[str, Any]:
        """The instance identity document, read once: `instanceId`, `privateIp`, `region`, `accountId`."""
        if not self._identity:
            self._identity = json.loads(self.get("dynamic/instance-identity/document") or "{}")
        return self._identity

    def credentials(self) -> dict[str, str]:
        """The role's credentials, which the service renews."""
        role = (self.get("meta-data/iam/security-credentials/") or "").strip()
        return dict(json.loads(self.get(f"meta-data/iam/security-credentials/{role}") or "{}"))
