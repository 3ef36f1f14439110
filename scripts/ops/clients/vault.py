"""Vault, through hvac with its errors in the user's words; through httpx for the endpoints that hvac lacks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import hvac
import requests
from hvac import exceptions as hvac_errors

from infra.holdings import vault as holdings
from nomad_jobs.errors import AuthError, BerthError, ChangedError, RefusedError, UnansweredError
from nomad_jobs.mounts import JOBS_MOUNT, KV_MOUNT
from scripts.ops.clients.api import FIX, TIMEOUT_S, Api, session

_GONE = 404
"""What Vault answers when fields of a deleted version are to be kept."""
_PINNED = "berth_pinned"
"""In a secret's custom metadata: the version that deployments use instead of the newest one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretVersion:
    """One version of a secret: its number (0: there is no secret) and, if it can be read, its fields."""

    version: int = 0
    fields: frozenset[str] = frozenset()
    is_deleted: bool = False
    """Deleted, destroyed or never there: it cannot be read."""
    is_destroyed: bool = False
    pinned: int = 0
    """The version that somebody pinned, on this secret; 0: deployments use the newest one."""

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

    def newest(self, path: str) -> SecretVersion:
        """Read number and field names of the newest version of the secret at `path`; no value is read."""
        return self.version(path, 0)

    def in_use(self, path: str) -> SecretVersion:
        """Read number and field names of the version that deployments use: the pinned one, else the newest."""
        newest = self.newest(path)
        return self.version(path, newest.pinned) if newest.pinned else newest

    def version(self, path: str, number: int) -> SecretVersion:
        """Read number and field names of one version (0: the newest); no value is read."""
        answer = self._api.get(_at("subkeys", path), depth=1, version=number)
        if answer is not None:
            data = answer["data"]
            return SecretVersion(
                version=int(data["metadata"]["version"]),
                fields=frozenset(data["subkeys"] or ()),
                pinned=pinned_in(data["metadata"]),
            )
        metadata = self.metadata(path)
        if metadata is None:
            return SecretVersion()
        wanted = number or int(metadata["current_version"])
        is_gone = bool((metadata["versions"].get(str(wanted)) or {}).get("destroyed"))
        return SecretVersion(version=wanted, is_destroyed=is_gone, is_deleted=wanted > 0, pinned=pinned_in(metadata))

    def metadata(self, path: str) -> dict[str, Any] | None:
        """Read a secret's metadata: its versions, and who wrote each; None if there is none."""
        answer = self._api.get(_at("metadata", path))
        return None if answer is None else answer["data"]

    def paths(self, folder: str) -> Iterator[str]:
        """Name every secret below `folder`, which ends with `/`."""
        answer = self._api.get(_at("metadata", folder), list="true")
        for name in answer["data"]["keys"] if answer else ():
            yield from self.paths(folder + name) if name.endswith("/") else (folder + name,)

    def mark(self, path: str, marks: Mapping[str, str]) -> None:
        """Write these marks into a secret's custom metadata; others stay."""
        self._api.patch(_at("metadata", path), {"custom_metadata": dict(marks)})

    def pin(self, path: str, number: int) -> None:
        """Have deployments use this version of a secret; 0: the newest one, whichever that is."""
        self._api.patch(_at("metadata", path), {"custom_metadata": {_PINNED: str(number) if number else None}})

    def own_token(self) -> dict[str, Any]:
        """Read what Vault says of the token that this client has."""
        found: dict[str, Any] = self._api.get("/v1/auth/token/lookup-self")["data"]
        return found

    def irrevocable_leases(self) -> int | None:
        """Count the leases that Vault tried to revoke in vain; None: this token may not."""
        try:
            return int(self._api.get("/v1/sys/leases/count", type="irrevocable")["data"]["lease_count"])
        except AuthError:
            return None

    def leases(self, folder: str) -> Iterator[dict[str, Any]]:
        """Read every lease below `folder`, which ends with `/`: its `id`, and when it was issued and will expire.

        Raises:
            AuthError: this token may not.

        """
        answer = self._api.get(f"/v1/sys/leases/lookup/{folder}", list="true")
        for name in answer["data"]["keys"] if answer else ():
            if name.endswith("/"):
                yield from self.leases(folder + name)
                continue
            with suppress(RefusedError):  # it has ended meanwhile
                yield self._api.put("/v1/sys/leases/lookup", json={"lease_id": folder + name})["data"]

    def secret(self, path: str) -> dict[str, Any]:
        """Read the newest version of a secret."""
        return self.secret_at(path, 0)

    def secret_at(self, path: str, version: int) -> dict[str, Any]:
        """Read one version of a secret; 0 is the newest."""
        with self._translated(f"secret {path}"):
            answer = self._client.secrets.kv.v2.read_secret_version(
                path, version, mount_point=KV_MOUNT, raise_on_deleted_version=True
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

    def write(self, path: str, fields: Mapping[str, str], *, after_version: int, keep: bool) -> int:
        """Write a new version if `after_version` is still the newest (0: there is none); give its number.

        With `keep`, fields that are not given keep the values that the newest version has; nobody reads them for that.

        Raises:
            ChangedError: somebody else wrote in between; nothing was overwritten.
            UnansweredError: (or DeadlineError) no answer came; it may have been written or not.

        """
        body = {"options": {"cas": after_version}, "data": dict(fields)}
        try:
            answer = (self._api.patch if keep else self._api.post)(_at("data", path), body)
        except RefusedError as error:
            if "check-and-set" not in error.what and error.status != _GONE:
                raise
            raise ChangedError(self._api.where, f"somebody wrote or deleted {path} in between") from None
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
        except hvac_errors.InvalidPath:  # whose text is Vault's whole answer
            raise RefusedError(self._api.where, f"{what}: is not there, or was deleted or destroyed") from None
        except hvac_errors.VaultError as error:
            raise RefusedError(self._api.where, f"{what}: {_words(error)}") from None
        except requests.RequestException as error:
            raise UnansweredError(self._api.where, f"{what}: does not answer ({error})", FIX) from None


def _at(kind: str, path: str) -> str:
    """Give the address of a secret's `data`, `metadata` or `subkeys`: names of others may hold any character."""
    return f"/v1/{KV_MOUNT}/{kind}/{quote(path)}"


def pinned_in(metadata: Mapping[str, Any]) -> int:
    """Read the pin from a secret's metadata; 0 if there is none."""
    said = str((metadata.get("custom_metadata") or {}).get(_PINNED, ""))
    return int(said) if said.isdecimal() else 0


def _words(error: Exception) -> str:
    return " ".join(str(error).split())
