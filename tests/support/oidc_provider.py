"""An OIDC provider over TLS, in a process of its own: people and their groups are given to it as GitLab has them."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.machines.certificates import Authority

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Provider:
    """Where it is, and the client that it knows Vault as."""

    url: str
    ca_file: Path
    http: httpx.Client
    client_id: str = ""
    client_secret: str = ""

    def register(self, *redirect_uris: str) -> None:
        """Make an application for Vault, with exactly these redirect URIs."""
        made = self.http.post("/oauth2/clients", json={"redirect_uris": redirect_uris}).raise_for_status().json()
        self.client_id = made["client_id"]
        self.client_secret = made["client_secret"]

    def person(self, sub: str, groups: list[str] | None) -> None:
        """Say in which groups a person is; None: the token says nothing of groups."""
        claims = {} if groups is None else {"groups_direct": groups}
        self.http.put(f"/users/{sub}", json=claims).raise_for_status()

    def log_in(self, auth_url: str, sub: str) -> tuple[str, dict[str, str]]:
        """Do what a person does in the browser; give where the browser is sent to, and with what."""
        answer = self.http.post(auth_url, data={"sub": sub})
        assert answer.has_redirect_location, answer.text
        sent_to = urlsplit(answer.headers["location"])
        return sent_to._replace(query="").geturl(), {name: one for name, (one,) in parse_qs(sent_to.query).items()}


@contextmanager
def provider(folder: Path) -> Iterator[Provider]:
    """Serve one on loopback."""
    authority = Authority(folder / "provider-authority")
    cert, key = authority.issue(["localhost"], "127.0.0.1")
    argv = (sys.executable, "-W", "ignore", "-m", "tests.support.oidc_provider_server", str(cert), str(key))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.PIPE, env=env, text=True
    ) as serving:
        assert serving.stdout is not None
        try:
            url = f"https://localhost:{int(serving.stdout.readline())}"
            with httpx.Client(base_url=url, verify=_trusting(authority.certificate_file), trust_env=False) as http:
                yield Provider(url=url, ca_file=authority.certificate_file, http=http)
        finally:
            serving.kill()


def _trusting(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))
