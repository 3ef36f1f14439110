"""Ports, checks and routes: how requests reach a service, and when they may. Each yields its own faults."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nomad_jobs.model.bounds import DAY_S, out_of_range
from nomad_jobs.model.secret import SecretRef

HIDDEN = ("/metrics", "/docs", "/redoc", "/openapi.json", "/swagger", "/admin", "/debug", "/actuator")
"""Paths of measurements, documentation and administration, which NGINX keeps from the world."""
_CHECK_PATH = re.compile(r"/[!-~]*")
_ROUTE_PATH = re.compile(r"/([A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)?")
"""A path as a person writes it: no encoding, no `..`, no `//`, nothing that NGINX would read as more than a path."""
_LONGEST_PATH = 200
_MOST_PATHS = 50
_LONGEST_PATTERN = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A named port. Nomad chooses the host's port; only NGINX has fixed ones, which the platform names."""

    label: str = "http"
    container: int
    """What the process listens on inside its container: its image's EXPOSE. Below 1024 needs no privilege there."""
    platform_field: str = ""
    """Field of the Platform record with the fixed port of the host; empty: Nomad chooses."""

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        yield from out_of_range(f"port {self.label}", self.container, 1, 65535)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What Consul asks an instance; NGINX routes to the instance only while the answer is good."""

    port: str = "http"
    path: str = "/health"
    protocol: str = "http"
    """`http`, `https` (the certificate is not verified: it is the instance's own) or `tcp`."""
    interval_s: int = 2
    timeout_s: int = 2

    @property
    def title(self) -> str:
        """Its name in Consul, port first, such as `http http /health`."""
        return f"{self.port} {self.protocol}" + ("" if self.protocol == "tcp" else f" {self.path}")

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        if self.protocol not in {"http", "https", "tcp"}:
            yield f"check protocol {self.protocol!r} must be http, https or tcp"
        if not self.path.startswith("/"):
            yield f"check path {self.path!r} must start with /"
        elif not _CHECK_PATH.fullmatch(self.path) or "${" in self.path:
            yield f"check path {self.path!r} must be a path as it stands in a request, without spaces or ${{…}}"
        yield from _clock_faults(self.interval_s, self.timeout_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptCheck:
    """A check that Nomad runs inside the task, so that it may use the task's secrets."""

    name: str
    script: str
    """A `sh` command, which reads the task's variables itself, as `$NOMAD_PORT_http`. Nomad must not interpolate it
    (`${…}`): Nomad would do so twice, once without the task's own variables, and then not recognise its own check."""
    interval_s: int = 5
    timeout_s: int = 30

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        if "${" in self.script:
            yield f"script check '{self.name}' must say $NAME, not ${{NAME}}: Nomad would interpolate it"
        if not self.name.isprintable() or "${" in self.name:
            yield f"script check {self.name!r} must have a printable name without ${{…}}"
        yield from _clock_faults(self.interval_s, self.timeout_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A request that a user would make: `berth up` shows it, and every deployment sends it to NGINX at the end."""

    path: str = "/"
    json: Any = None
    """Body of a POST; None makes it a GET."""
    bearer: SecretRef | None = None
    """A key of the service's secret `sample-key`, the one kind of secret that whoever deploys may read."""
    expect: str = ""
    """Text that a good answer contains."""

    @property
    def method(self) -> str:
        """GET, or POST when there is a body."""
        return "GET" if self.json is None else "POST"


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """How the world reaches a service: `https://<host>.<domain>/` through NGINX."""

    host: str
    port: str = "http"
    paths: tuple[str, ...] = ("/",)
    """What NGINX lets through: `/v1/models` is that path alone, `/v1/` everything below it, `/` everything."""
    hidden: tuple[str, ...] = HIDDEN
    """Paths that NGINX refuses, with all below them, unless `paths` names the very same path."""
    longest_request_s: int = 30
    """The longest answer, streams included, and the longest silence of a WebSocket: NGINX waits this long for an
    instance, and Nomad lets a stopping instance finish for this long."""
    max_body_mb: int = 1
    sample: Sample = field(default_factory=Sample)

    def lets_through(self, path: str) -> bool:
        """Tell whether NGINX passes on a request for `path`, without its query."""
        if path in self.paths:
            return True
        if any(path == one or path.startswith((f"{one}/", f"{one};")) for one in self.hidden):
            return False
        return any(one.endswith("/") and path.startswith(one) for one in self.paths)

    def faults(self) -> Iterator[str]:
        """Yield its faults, one line each."""
        yield from out_of_range("route longest_request_s", self.longest_request_s, 1, DAY_S)
        yield from out_of_range("route max_body_mb", self.max_body_mb, 1, 1024)
        yield from self._path_faults()
        sample = self.sample.path.partition("?")[0]
        if not _CHECK_PATH.fullmatch(self.sample.path):
            yield f"sample path {self.sample.path!r} must be a path as it stands in a request"
        elif self.paths and not self._odd_paths and not self.lets_through(sample):
            yield f"sample path {sample!r} is not let through by the route's paths {', '.join(self.paths)}"

    def _path_faults(self) -> Iterator[str]:
        if not self.paths:
            yield "route paths must name what NGINX lets through; ('/',) is everything that is not hidden"
        for path in self._odd_paths:
            yield f"route path {path!r} must be plain, such as /v1/models (that path) or /v1/ (all below it)"
        for path in self.hidden:
            if path.endswith("/"):
                yield f"hidden path {path!r} must not end with /: what is below it is hidden as well"
        if max(len(self.paths), len(self.hidden)) > _MOST_PATHS:
            yield f"route has {len(self.paths)} paths and {len(self.hidden)} hidden ones, but may have {_MOST_PATHS}"
        if len(set(self.paths)) < len(self.paths):
            yield f"route paths {', '.join(self.paths)} must differ"
        if sum(map(len, self.hidden)) > _LONGEST_PATTERN:
            yield f"hidden paths have more than {_LONGEST_PATTERN} letters together, which NGINX would not read"

    @property
    def _odd_paths(self) -> list[str]:
        every = (*self.paths, *self.hidden)
        return [one for one in every if not _ROUTE_PATH.fullmatch(one) or len(one) > _LONGEST_PATH]


def _clock_faults(interval_s: int, timeout_s: int) -> Iterator[str]:
    yield from out_of_range("check interval_s", interval_s, 1, 300)
    yield from out_of_range("check timeout_s", timeout_s, 1, 300)
