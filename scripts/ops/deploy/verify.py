"""Verifies a deployment: each NGINX must run the new routes, and the sample request must be answered."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from nginx.render import route_facts, route_host
from nomad_jobs.keys import pin_key
from nomad_jobs.model import Sample, Service, secret_path
from nomad_jobs.platform import Platform
from scripts.ops.clients.consul import Consul
from scripts.ops.clients.nomad import Nomad
from scripts.ops.clients.vault import Vault
from scripts.ops.front_door import FrontDoor, front_doors, listed
from scripts.ops.waiting import wait_until

_REQUEST_S = 60.0
_PARKED = 503


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """One service behind the front doors of a platform, and the clients to check it with."""

    service: Service
    platform: Platform
    nomad: Nomad
    consul: Consul
    vault: Vault
    deadline_s: float
    is_parked: bool = False
    ca_file: Path | None = None
    """Authority of the front door's certificate; None: the system's."""

    def run(self) -> None:
        """Wait until every front door serves exactly the healthy instances, then send the sample request through one.

        Raises:
            DeadlineError: they did not within `deadline_s` seconds; the message says what was seen last.

        """
        where = f"service '{self.service.name}'"
        what = "every front door running its newest route, instances and certificate"
        wait_until(lambda: next(self._outdated(), None), where=where, what=what, deadline_s=self.deadline_s)
        if self.service.route is not None:
            self._ask_as_a_user_would(self.service.route.sample)

    def _outdated(self) -> Iterator[str]:
        doors = front_doors(self.nomad)
        if not doors and (self.service.route or self.service.is_front_door):
            yield "no front door runs: deploy the ingress first"
        for door in doors:
            for lacking in (*self._route_lacks(door), *self._certificate_lacks(door)):
                yield "; ".join((f"{lacking} on {door.node}", *door.faults()))

    def _route_lacks(self, door: FrontDoor) -> Iterator[str]:
        if self.service.route is None:
            return
        served = door.routes.get(self.service.name)
        healthy = set(self.consul.instances(self.service.name))
        if served is None:
            yield "NGINX has no such route"
        elif served.record != route_facts(self.service, self.platform):
            yield "NGINX runs an older route"
        elif served.peers != healthy:
            yield f"NGINX sends to {listed(served.peers)}, but healthy are {listed(healthy)}"

    def _certificate_lacks(self, door: FrontDoor) -> Iterator[str]:
        for secret in self.service.followed_secrets if self.service.is_front_door else ():
            wanted = self.consul.key(pin_key(secret, self.service, self.platform))
            if door.certificate != wanted:
                yield f"NGINX has version {door.certificate or 'none'} of the certificate, not {wanted}"

    def _ask_as_a_user_would(self, sample: Sample) -> None:
        host = route_host(self.service, self.platform)
        headers = {"Host": host, **self._authorization(sample)}
        with _client(self.platform, self.ca_file) as client:
            wait_until(
                lambda: _ask(client, sample, headers, host, is_parked=self.is_parked),
                where=f"service '{self.service.name}'",
                what=f"{sample.method} http{'s' * self.platform.tls_routes}://{host}{sample.path} through NGINX",
                deadline_s=self.deadline_s,
                fix=f"compare the route's `sample`, and read `nomad alloc logs -job {self.service.name}`",
            )

    def _authorization(self, sample: Sample) -> dict[str, str]:
        if sample.bearer is None or self.is_parked:
            return {}
        path = f"{self.platform.namespace}/{secret_path(sample.bearer.secret, self.service)}"
        version = self.vault.in_use(path).version
        return {"Authorization": f"Bearer {self.vault.secret_at(path, version)[sample.bearer.field]}"}


def _ask(client: httpx.Client, sample: Sample, headers: dict[str, str], host: str, *, is_parked: bool) -> str | None:
    try:
        response = client.request(
            sample.method, sample.path, json=sample.json, headers=headers, extensions={"sni_hostname": host}
        )
    except httpx.HTTPError as error:
        return f"no answer ({error or type(error).__name__})"
    if is_parked and response.status_code == _PARKED:
        return None
    if response.status_code != httpx.codes.OK:
        return f"{response.status_code} {' '.join(response.text.split())[:200]}"
    return None if sample.expect in response.text else f"200, but without {sample.expect!r} in it"


def _client(platform: Platform, ca_file: Path | None) -> httpx.Client:
    scheme, port = ("https", platform.https_port) if platform.tls_routes else ("http", platform.http_port)
    verify_tls = ssl.create_default_context(cafile=ca_file) if platform.tls_routes else False
    base = f"{scheme}://{platform.entry}:{port}"
    return httpx.Client(base_url=base, verify=verify_tls, trust_env=False, timeout=_REQUEST_S)
