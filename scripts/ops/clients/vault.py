"""Vault, through hvac with its errors in the user's words; through httpx for the endpoints that hvac lacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hvac
import requests
from hvac import exceptions as hvac_errors

from infra.holdings import vault as holdings
from nomad_jobs.errors import AuthError, BerthError, RefusedError
from nomad_jobs.mounts import JOBS_MOUNT, KV_MOUNT
from scripts.ops.clients.api import FIX, TIMEOUT_S, Api, session


@dataclass(frozen=True, kw_only=True, slots=True)
class Newest:
    """The newest version of a secret: its number (0: there is no secret) and, if it can be read, its fields."""

    version: int = 0
    fields: frozenset[str] = frozenset()
    is_deleted: bool = False
    """Deleted or destroyed: it cannot be read."""
    is_destroyed: bool = False

    @property
    def is_there(self) -> bool:
        """Whether it can be read."""
        return self.version > 0 and not self.is_deleted


class Vault:
    """One Vault, with one token."""

    def __init__(self, url: str, token: str, ca_file: str | None = None) -> None:
        self._api = Api("Vault", url, headers={holdings.HEADER: token} if token else {}, ca_file=ca_file, fix=FIX)
        self._session = session(ca_file)
        self._client = hvac.Client(
            url=url, token=token, verify=ca_file or True, timeout=int(TIMEOUT_S), session=self._session
        )

    def close(self) -> None:
        """Close its connections."""
        self._api.close()
        self._session.close()

    def policy(self, name: str) -> str | None:
        """Read a policy; None if there is none."""
        with self._translated(f"policy {name}"):
            try:
                answer = self._client.sys.read_acl_policy(name)
            except hvac_errors.InvalidPath:
                return None
            return str(answer["data"]["policy"])

    def role(self, name: str) -> dict[str, Any] | None:
        """Read a role of the workloads' auth method; None if there is none."""
        answer = self._api.get(f"/v1/auth/{JOBS_MOUNT}/role/{name}")
        return None if answer is None else answer["data"]

    def entry(self, path: str) -> dict[str, Any] | None:
        """Read an entry of an engine; None if there is none, or no such engine."""
        answer = self._api.get(f"/v1/{path}")
        return None if answer is None else answer["data"]

    def newest(self, path: str) -> Newest:
        """Read number and field names of the newest version of the secret at `path`; no value is read."""
        answer = self._api.get(f"/v1/{KV_MOUNT}/subkeys/{path}", depth=1)
        if answer is not None:
            data = answer["data"]
            return Newest(version=int(data["metadata"]["version"]), fields=frozenset(data["subkeys"] or ()))
        metadata = self.metadata(path)
        if metadata is None:
            return Newest()
        version = int(metadata["current_version"])
        gone = metadata["versions"].get(str(version), {})
        return Newest(version=version, is_destroyed=bool(gone.get("destroyed")), is_deleted=bool(gone))

    def metadata(self, path: str) -> dict[str, Any] | None:
        """Read a secret's metadata; None if there is none."""
        answer = self._api.get(f"/v1/{KV_MOUNT}/metadata/{path}")
        return None if answer is None else answer["data"]

    def mark(self, path: str, marks: dict[str, str]) -> None:
        """Write a secret's custom metadata."""
        self._api.post(f"/v1/{KV_MOUNT}/metadata/{path}", json={"custom_metadata": marks})

    def secret(self, path: str) -> dict[str, Any]:
        """Read the newest version of a secret."""
        with self._translated(f"secret {path}"):
            answer = self._client.secrets.kv.v2.read_secret_version(
                path, mount_point=KV_MOUNT, raise_on_deleted_version=True
            )
            return dict(answer["data"]["data"])

    def put_secret(self, path: str, values: dict[str, Any], *, after_version: int) -> int:
        """Write a new version if `after_version` is still the newest (0: there is none); give its number.

        Raises:
            RefusedError: somebody else wrote in between; nothing was overwritten.

        """
        with self._translated(f"secret {path}"):
            answer = self._client.secrets.kv.v2.create_or_update_secret(
                path, values, cas=after_version, mount_point=KV_MOUNT
            )
            return int(answer["data"]["version"])

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (hvac_errors.Forbidden, hvac_errors.Unauthorized) as error:
            fix = "the token is missing, expired or not allowed to do this"
            raise AuthError(self._api.where, f"{what}: {_words(error)}", fix) from None
        except hvac_errors.VaultDown:
            raise BerthError(self._api.where, f"{what}: Vault is sealed", "`berth up` unseals it") from None
        except hvac_errors.VaultError as error:
            raise RefusedError(self._api.where, f"{what}: {_words(error)}") from None
        except requests.RequestException as error:
            raise BerthError(self._api.where, f"{what}: does not answer ({error})", FIX) from None


def _words(error: Exception) -> str:
    return " ".join(str(error).split())
