"""What the three servers answer to a token: every GET of their APIs, streams for a moment."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx

_STREAM_S = 2.0
_QUIET = httpx.Timeout(15, read=1.0)
_REFUSED = b"Permission denied"
"""So Nomad answers for a file that may not be read, with status 200."""
_PPROF = ("goroutine?debug=2", "heap", "cmdline", "allocs", "threadcreate")
EVENTS = "/v1/event/stream?index=0&topic=Job&topic=Allocation&topic=Evaluation&topic=Deployment&topic=Service"
STREAMS = (
    EVENTS,
    "/v1/event/stream?index=0&topic=Node",
    "/v1/event/stream?index=0",
    "/v1/agent/monitor?log_level=trace",
)
"""Nomad's: they do not end by themselves."""
NOMAD = (
    *("/v1/jobs?meta=true", "/v1/jobs/statuses", "/v1/allocations?resources=true&task_states=true", "/v1/evaluations"),
    *("/v1/deployments", "/v1/nodes?resources=true&os=true", "/v1/node/pools", "/v1/namespaces", "/v1/services"),
    *("/v1/agent/self", "/v1/agent/members", "/v1/agent/servers", "/v1/agent/health", "/v1/agent/schedulers"),
    *("/v1/agent/schedulers/config", "/v1/agent/host", *(f"/v1/agent/pprof/{one}" for one in _PPROF)),
    *("/v1/metrics", "/v1/metrics?format=prometheus", "/v1/regions", "/v1/status/leader", "/v1/status/peers"),
    *("/v1/operator/raft/configuration", "/v1/operator/autopilot/configuration", "/v1/operator/autopilot/health"),
    *("/v1/operator/scheduler/configuration", "/v1/operator/keyring/keys", "/v1/operator/snapshot"),
    *("/v1/acl/policies", "/v1/acl/tokens", "/v1/acl/token/self", "/v1/acl/roles", "/v1/acl/auth-methods"),
    *("/v1/acl/binding-rules", "/v1/vars", "/v1/volumes", "/v1/volumes?type=csi", "/v1/plugins?type=csi"),
    *("/v1/scaling/policies", "/v1/client/stats", "/v1/client/metadata", "/v1/system/gc", "/v1/quotas"),
    *("/.well-known/jwks.json", "/.well-known/openid-configuration"),
)
NOMAD_OF_JOB = (
    *("", "/versions?diffs=true", "/allocations?all=true", "/evaluations", "/deployments", "/deployment", "/summary"),
    *("/scale", "/services", "/submission?version=0", "/submission?version=1"),
)
NOMAD_OF_ALLOCATION = (
    *("/v1/allocation/{id}", "/v1/allocation/{id}/services", "/v1/allocation/{id}/checks"),
    *("/v1/client/allocation/{id}/stats", "/v1/client/allocation/{id}/checks", "/v1/client/fs/ls/{id}?path=/"),
    *("/v1/client/fs/ls/{id}?path={task}/secrets", "/v1/client/fs/cat/{id}?path={task}/secrets/key.json"),
    *(
        "/v1/client/fs/stat/{id}?path={task}/secrets/key.json",
        "/v1/client/fs/cat/{id}?path={task}/secrets/env",
    ),
    *(
        "/v1/client/fs/readat/{id}?path={task}/secrets/key.json&offset=0&limit=9999",
        "/v1/client/fs/cat/{id}?path={task}/x",
    ),
    *(f"/v1/client/fs/logs/{{id}}?task={{task}}&type={kind}&plain=true&origin=start" for kind in ("stdout", "stderr")),
)
CONSUL = (
    *(
        "/v1/kv/?recurse=true",
        "/v1/kv/?keys=true",
        "/v1/catalog/services",
        "/v1/catalog/nodes",
        "/v1/catalog/datacenters",
    ),
    *("/v1/agent/self", "/v1/agent/services", "/v1/agent/checks", "/v1/agent/members", "/v1/agent/host"),
    *("/v1/agent/metrics", "/v1/agent/metrics?format=prometheus", "/v1/agent/connect/ca/roots", "/v1/agent/version"),
    *("/v1/health/state/any", "/v1/health/node/{node}", "/v1/coordinate/nodes", "/v1/event/list", "/v1/session/list"),
    *("/v1/acl/tokens", "/v1/acl/token/self", "/v1/acl/policies", "/v1/acl/roles", "/v1/acl/auth-methods"),
    *("/v1/acl/binding-rules?authmethod=nomad-workloads", "/v1/acl/replication", "/v1/config/proxy-defaults"),
    *("/v1/config/service-defaults", "/v1/connect/ca/roots", "/v1/connect/ca/configuration", "/v1/connect/intentions"),
    *("/v1/internal/ui/services", "/v1/internal/ui/nodes", "/v1/internal/ui/catalog-overview", "/v1/query"),
    *("/v1/operator/raft/configuration", "/v1/operator/keyring", "/v1/operator/autopilot/configuration"),
    *("/v1/operator/autopilot/health", "/v1/operator/usage", "/v1/snapshot", "/v1/status/leader", "/v1/status/peers"),
    *("/v1/peerings", "/v1/exported-services", *(f"/debug/pprof/{one}" for one in _PPROF)),
)
CONSUL_STREAMS = ("/v1/agent/monitor?loglevel=trace",)
LISTED = "?list=true"
VAULT_STREAMS = ("/v1/sys/monitor?log_level=trace",)
_ENDLESS = {"/sys/monitor"}


class Asking:
    """One server, asked with one token; counts what it was allowed to read."""

    def __init__(self, who: str, url: str, headers: Mapping[str, str]) -> None:
        self._who = who
        self._http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=15)
        self.read: list[str] = []

    def get(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield what each path answers, refusals included: an error must hold no value either."""
        for path in paths:
            answer = self._http.get(path)
            is_read = answer.is_success and answer.content != _REFUSED
            self.read += [path] if is_read else []
            yield f"{self._who} GET {path}", answer.content

    def streams(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield what a stream says at first, and what is said meanwhile: it does not end by itself."""
        for path in paths:
            said = bytearray()
            until = time.monotonic() + _STREAM_S
            with suppress(httpx.ReadTimeout), self._http.stream("GET", path, timeout=_QUIET) as answer:
                self.read += [path] if answer.is_success else []
                for part in answer.iter_bytes():
                    said += part
                    if time.monotonic() > until:
                        break
            yield f"{self._who} GET {path}", bytes(said)

    def close(self) -> None:
        self._http.close()


def vault_paths(spec: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Give every GET that Vault itself says it has; what a path leaves open is filled with what is `known`."""
    found: list[str] = []
    for path, what in spec["paths"].items():
        if "get" not in what or path in _ENDLESS:
            continue
        lists = any(one.get("name") == "list" for one in what["get"].get("parameters", ()))
        found += [f"/v1{one}{LISTED if lists else ''}" for one in _filled(path, known)]
    return sorted(set(found))


def _filled(path: str, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, values in known.items():
        hole = "{" + name + "}"
        if hole in path:
            for value in values:
                yield from _filled(path.replace(hole, value), known)
            return
    if "{" not in path:
        yield path
