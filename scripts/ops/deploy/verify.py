"""Asks NGINX what a user would ask: a deployment is done when the front door serves it."""

import ssl
from pathlib import Path

import httpx

from nginx.render import route_host
from nomad_jobs.model import Sample, Service, secret_path
from nomad_jobs.platform import Platform
from scripts.ops.vault import Vault
from scripts.ops.waiting import wait_until

_REQUEST_S = 60.0


def verify(
    service: Service, platform: Platform, vault: Vault, *, deadline_s: float, ca_file: Path | None = None
) -> None:
    """Send the service's sample request through NGINX until the answer is good.

    Raises:
        DeadlineError: it was not within `deadline_s` seconds; the message carries NGINX's last answer.

    """
    if service.route is None:
        return
    host, sample = route_host(service, platform), service.route.sample
    headers = {"Host": host, **_authorization(service, sample, platform, vault)}
    with _client(platform, ca_file) as client:
        wait_until(
            lambda: _ask(client, sample, headers, host),
            where=f"service '{service.name}'",
            what=f"{sample.method} http{'s' * platform.tls_routes}://{host}{sample.path} through NGINX",
            deadline_s=deadline_s,
            fix="it is healthy in Consul, so look at NGINX: `nomad alloc fs -job ingress ingress/local/refused.txt`",
        )


def _ask(client: httpx.Client, sample: Sample, headers: dict[str, str], host: str) -> str | None:
    try:
        response = client.request(
            sample.method, sample.path, json=sample.json, headers=headers, extensions={"sni_hostname": host}
        )
    except httpx.HTTPError as error:
        return f"no answer ({error or type(error).__name__})"
    if response.status_code != httpx.codes.OK:
        return f"{response.status_code} {' '.join(response.text.split())[:200]}"
    return None if sample.expect in response.text else f"200, but without {sample.expect!r} in it"


def _client(platform: Platform, ca_file: Path | None) -> httpx.Client:
    scheme, port = ("https", platform.https_port) if platform.tls_routes else ("http", platform.http_port)
    verify_tls = ssl.create_default_context(cafile=ca_file) if platform.tls_routes else False
    base = f"{scheme}://{platform.entry}:{port}"
    return httpx.Client(base_url=base, verify=verify_tls, trust_env=False, timeout=_REQUEST_S)


def _authorization(service: Service, sample: Sample, platform: Platform, vault: Vault) -> dict[str, str]:
    if sample.bearer is None:
        return {}
    path = f"{platform.namespace}/{secret_path(sample.bearer.secret, service)}"
    return {"Authorization": f"Bearer {vault.secret(path)[sample.bearer.field]}"}
