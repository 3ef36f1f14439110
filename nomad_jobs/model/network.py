"""Ports, checks and routes: how a service is reached, and when it may be."""

from dataclasses import dataclass, field
from typing import Any

from nomad_jobs.model.secret import SecretRef

HIDDEN = ("/metrics", "/docs", "/redoc", "/openapi.json", "/swagger", "/admin", "/debug", "/actuator")
"""Measurements, documentation and administration: for whoever is inside, never for the world."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A named port. Nomad chooses the host's port; only NGINX has fixed ones, which the platform names."""

    label: str = "http"
    container: int
    """What the process listens on inside its container."""
    platform_field: str = ""
    """Field of the Platform record with the fixed port of the host; empty: Nomad chooses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Consul's question to an instance; it is routed to only while the answer is good."""

    port: str = "http"
    path: str = "/health"
    protocol: str = "http"
    """`http`, `https` (the certificate is not verified: it is the instance's own) or `tcp`."""
    interval_s: int = 2
    timeout_s: int = 2

    @property
    def title(self) -> str:
        """Its name in Consul, such as `http GET /health`."""
        return f"{self.port} {self.protocol}" + ("" if self.protocol == "tcp" else f" {self.path}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptCheck:
    """A check that Nomad runs inside the task, so that it may use the task's secrets."""

    name: str
    script: str
    """A `sh` command; it reads the task's variables itself, as `$NOMAD_PORT_http`. Nomad must not interpolate it
    (`${…}`): it would do so twice, once without the task's own variables, and then not know its own check again."""
    interval_s: int = 5
    timeout_s: int = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A request that a user would make: shown after `berth up`, and asked of NGINX after every deployment."""

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
    """What NGINX keeps back, with all below it, unless `paths` names the very same path."""
    longest_request_s: int = 30
    """Longest answer, streams included: NGINX waits, and a stopping instance is left, this long."""
    max_body_mb: int = 1
    sample: Sample = field(default_factory=Sample)

    def lets_through(self, path: str) -> bool:
        """Whether NGINX passes `path` (without its query) on."""
        if path in self.paths:
            return True
        if any(path == one or path.startswith((f"{one}/", f"{one};")) for one in self.hidden):
            return False
        return any(one.endswith("/") and path.startswith(one) for one in self.paths)
