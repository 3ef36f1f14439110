"""Consul, through py-consul; through httpx for blocking queries and ACLs, which it lacks."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import consul
import requests

from infra.holdings import consul as holdings
from nomad_jobs.errors import AuthError, BerthError, RefusedError
from scripts.ops.clients.api import FIX, Answer, Api, session


class Consul:
    """One Consul datacenter, with one token."""

    def __init__(self, url: str, token: str, ca_file: str | None = None) -> None:
        headers = {holdings.HEADER: token} if token else {}
        self._api = Api("Consul", url, headers=headers, ca_file=ca_file, fix=FIX)
        parts = urlsplit(url)
        self._client = consul.Consul(host=parts.hostname, port=parts.port, scheme=parts.scheme, verify=ca_file or True)
        # py-consul prefers CONSUL_HTTP_TOKEN to the token it is given, so ours is set afterwards.
        self._client.token = token
        self._client.http.session = session(ca_file)

    def close(self) -> None:
        """Close its connections."""
        self._api.close()
        self._client.http.session.close()

    def keys(self, prefix: str) -> dict[str, str]:
        """Read every entry below `prefix`: its text by its key."""
        with self._translated(f"read {prefix}"):
            _, rows = self._client.kv.get(prefix, recurse=True)
        return {row["Key"]: (row["Value"] or b"").decode(errors="replace") for row in rows or ()}

    def key(self, key: str) -> str | None:
        """Read one entry; None if there is none."""
        return self.key_and_index(key)[0]

    def key_and_index(self, key: str) -> tuple[str | None, int]:
        """Read one entry, and the index of its last change, for `put_key`; None and 0 if there is none."""
        with self._translated(f"read {key}"):
            _, row = self._client.kv.get(key)
        return (None, 0) if row is None else ((row["Value"] or b"").decode(errors="replace"), row["ModifyIndex"])

    def put_key(self, key: str, text: str, *, after: int | None = None) -> bool:
        """Write an entry; with `after`, only if its last change is still that one. Give whether it was written."""
        with self._translated(f"write {key}"):
            return bool(self._client.kv.put(key, text, cas=after))

    def delete_key(self, key: str) -> None:
        """Remove one entry."""
        with self._translated(f"remove {key}"):
            self._client.kv.delete(key)

    def own_token(self) -> dict[str, Any]:
        """Read what Consul says of the token that this client has."""
        found: dict[str, Any] = self._api.get("/v1/acl/token/self") or {}
        return found

    def healthy(self, service: str, index: int = 0, wait_s: float = 1) -> Answer:
        """Wait for news of a service's passing instances."""
        return self._api.blocking(f"/v1/health/service/{service}", index, wait_s, passing="true")

    def instances(self, service: str) -> dict[str, str]:
        """Give the allocation id of each passing instance by its address (`host:port`)."""
        return addresses(self.healthy(service).body or ())

    def checks(self, service: str) -> list[dict[str, Any]]:
        """Read every check of a service's instances, with its last output."""
        return self._api.get(f"/v1/health/checks/{service}") or []

    def acl_policy(self, name: str) -> dict[str, Any] | None:
        """Read a policy by name; None if there is none."""
        found: dict[str, Any] | None = self._api.get(f"/v1/acl/policy/name/{name}")
        return found

    def put_acl_policy(self, name: str, rules: str, policy_id: str = "") -> None:
        """Make a policy, or change the one with `policy_id`."""
        body = {"Name": name, "Rules": rules, "Description": "berth"}
        self._api.put(f"/v1/acl/policy/{policy_id}" if policy_id else "/v1/acl/policy", json=body)

    def put_acl_role(self, name: str) -> None:
        """Make a role with the policy of the same name."""
        self._api.put("/v1/acl/role", json={"Name": name, "Description": "berth", "Policies": [{"Name": name}]})

    def acl_role(self, name: str) -> dict[str, Any] | None:
        """Read a role by name; None if there is none."""
        found: dict[str, Any] | None = self._api.get(f"/v1/acl/role/name/{name}")
        return found

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (consul.ACLPermissionDenied, consul.ACLDisabled) as error:
            fix = "the token is missing, expired or not allowed to do this"
            raise AuthError(self._api.where, f"{what}: {error}", fix) from None
        except consul.ConsulException as error:
            raise RefusedError(self._api.where, f"{what}: {error}") from None
        except requests.RequestException as error:
            raise BerthError(self._api.where, f"{what}: does not answer ({type(error).__name__})", FIX) from None


_NOMAD_ID = re.compile(r"_nomad-task-([0-9a-f-]{36})-")


def addresses(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Give the allocation id by address for Consul's rows; empty for an instance that Nomad did not register."""
    found = {}
    for row in rows:
        service = row["Service"]
        match = _NOMAD_ID.match(service["ID"])
        found[f"{service['Address']}:{service['Port']}"] = match.group(1) if match else ""
    return found
