"""Asks a registry for a tag's digest, or for a digest (OCI distribution specification 1.1, Docker's token flow)."""

import contextlib
import hashlib
import re
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from nomad_jobs.errors import AuthError, BerthError, ConfigError, DeadlineError
from nomad_jobs.images import DOCKER_HUB, ImageRef, advice, is_loopback
from scripts.ops import manifests
from scripts.ops.docker_login import Login

_REQUEST_S = 10
_PAUSES_S = (0.2, 1.0)
"""Before the second and the third try; there is no fourth."""
_TEMPORARY = frozenset({429, 500, 502, 503, 504})
_MANIFEST_MAX = 4 * 2**20
"""The size up to which the specification asks registries to keep manifests."""
_PARAMETER = re.compile(r'([a-z]+)=(?:"([^"]*)"|([^\s",]+))', re.IGNORECASE)
_CHALLENGE = re.compile(rf"\b(basic|bearer)\b\s*((?:{_PARAMETER.pattern}[\s,]*)*)", re.IGNORECASE)

Logins = Callable[[str], Login | None]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)


class _Token(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    token: str = ""
    access_token: str = ""


class Lookup:
    """One tag's lookup: `with Lookup("nginx:1.28", ends_at=…, logins=login_for) as it: it.digest()`.

    It ends by `ends_at` on the monotonic clock, and asks `logins` only when the registry wants a login. Its errors are
    about `where`, by default the image. `ca_file` is the authority of a registry on this machine, whose certificate no
    public one has signed.
    """

    def __init__(
        self, reference: str, *, ends_at: float, logins: Logins, where: str = "", ca_file: Path | None = None
    ) -> None:
        self._ref = ImageRef.parse(reference)
        self._where = where or f"image {reference}"
        self._ends_at = ends_at
        self._logins = logins
        self._authorization = ""
        self._client = self._connected(ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def digest(self, known: str = "") -> str:
        """Give the tag's digest, `sha256:…`, verified against the bytes that the registry serves.

        If a HEAD request announces `known`, that is the answer: Docker Hub counts each GET as a pull.

        Raises:
            AuthError: the registry wants a login, or refused the one it got.
            ConfigError: the registry has no such tag.
            DeadlineError: `ends_at` has passed.
            BerthError: the registry cannot be reached, or what it serves cannot be trusted.

        """
        url = self._ref.manifest_url
        with self._in_words():
            if known and self._manifest("HEAD", url).headers.get("docker-content-digest") == known:
                return known
            return self._verified(self._accepted(self._manifest("GET", url)))

    def serves(self, digest: str) -> bool:
        """Tell whether the registry still has the manifest `digest`, whatever the tag names now.

        Of an index it must also have the manifest for our nodes: a clean-up of what has no tag may have taken it. It
        sends HEAD, which no registry counts as a pull, and GET for an index alone; it asks for no layer.

        Raises:
            BerthError: as `digest` does, but for a manifest that is not there.

        """
        with self._in_words():
            kind = self._kind_of(digest)
            if kind not in manifests.INDEX_TYPES:
                return bool(kind)
            index = self._accepted(self._manifest("GET", self._ref.digest_url(digest)))
            self._refuse_other(digest, self._verified(index))
            try:
                return all(self._kind_of(one) for one in manifests.for_nodes(index.body))
            except ValidationError as error:
                raise self._distrusted(f"served {digest}, which is no index") from error

    def _kind_of(self, digest: str) -> str:
        """Give the type of the manifest `digest`; empty: the registry does not have it."""
        answer = self._manifest("HEAD", self._ref.digest_url(digest))
        if answer.status == httpx.codes.NOT_FOUND:
            return ""
        kind = self._kind(self._accepted(answer))
        self._refuse_other(digest, answer.headers.get("docker-content-digest", digest))
        return kind

    def _refuse_other(self, digest: str, given: str) -> None:
        if given != digest:
            raise self._distrusted(f"gave {given} when it was asked for {digest}")

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"{self._ref.host} cannot be asked: {str(error) or type(error).__name__}"
            raise BerthError(self._where, what, f"{advice(self._ref)}; the pin stays as it was") from error

    def _connected(self, ca_file: Path | None) -> httpx.Client:
        hooks = {"request": [self._refuse_plain_http]}
        try:  # no proxy stands between this machine and itself
            trust = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
            trust_env = not (ca_file or self._ref.is_local)
            return httpx.Client(follow_redirects=True, event_hooks=hooks, trust_env=trust_env, verify=trust)
        except OSError as error:
            raise ConfigError("SSL_CERT_FILE", f"cannot be read: {error}", "fix or unset it") from error

    def _manifest(self, method: str, url: str) -> _Answer:
        answer = self._send(method, url, self._authorization)
        if answer.status == httpx.codes.UNAUTHORIZED and not self._authorization:
            self._authorization = self._authorize(challenges(answer.headers.get_list("www-authenticate")))
            answer = self._send(method, url, self._authorization)
        return answer

    def _accepted(self, answer: _Answer) -> _Answer:
        ref = self._ref
        if answer.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise self._refused(f"refuses to show it ({answer.status}): private, a wrong login, or no such name")
        if answer.status == httpx.codes.NOT_FOUND:
            what = f"{ref.host} has no tag '{ref.tag}' in {ref.repository}"
            raise ConfigError(self._where, what, "fix the image in the service's file")
        if answer.status != httpx.codes.OK:
            raise BerthError(self._where, f"{ref.host} answered {answer.status}", "try again later")
        return answer

    def _kind(self, answer: _Answer) -> str:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if kind not in manifests.TYPES:
            raise self._distrusted(f"served {kind or 'no type'}, which is no image manifest")
        return str(kind)

    def _verified(self, answer: _Answer) -> str:
        self._kind(answer)
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        announced = answer.headers.get("docker-content-digest", digest)
        if announced != digest:
            raise self._distrusted(f"announced {announced}, but served {digest}")
        return digest

    def _authorize(self, wanted: dict[str, dict[str, str]]) -> str:
        login = self._logins(self._ref.registry)
        if "realm" in wanted.get("bearer", {}):
            return f"Bearer {self._token(wanted['bearer'], login)}"
        if "basic" in wanted and login:
            return login.basic
        raise self._refused("wants a login, and there is none")

    def _token(self, bearer: dict[str, str], login: Login | None) -> str:
        """Fetch a token (distribution.github.io/distribution/spec/auth/token); anonymous without a login."""
        asked = {"service": bearer.get("service", ""), "scope": bearer.get("scope", "")}
        asked["scope"] = asked["scope"] or f"repository:{self._ref.repository}:pull"
        realm = httpx.URL(bearer["realm"]).copy_merge_params({k: v for k, v in asked.items() if v})
        answer = self._send("GET", str(realm), login.basic if login else "")
        try:
            given = _Token.model_validate_json(answer.body)
        except ValidationError:  # the cause is left out: it may quote the token
            given = _Token()
        token = given.token or given.access_token
        if answer.status != httpx.codes.OK or not token.isascii() or not token.isprintable() or not token:
            raise self._refused(f"gave no token ({realm.host} answered {answer.status})")
        return token

    def _send(self, method: str, url: str, authorization: str) -> _Answer:
        """Send, and try again after what may be temporary: no connection, too many requests, a server error."""
        for pause_s in _PAUSES_S:
            with contextlib.suppress(httpx.TransportError):
                answer = self._once(method, url, authorization)
                if answer.status not in _TEMPORARY:
                    return answer
            time.sleep(min(pause_s, self._left_s()))
        return self._once(method, url, authorization)

    def _once(self, method: str, url: str, authorization: str) -> _Answer:
        headers = {"accept": ", ".join(manifests.TYPES), "accept-encoding": "identity"}
        if authorization:
            headers["authorization"] = authorization
        timeout_s = min(_REQUEST_S, self._left_s())
        body = bytearray()
        with self._client.stream(method, url, headers=headers, timeout=timeout_s) as response:
            for chunk in response.iter_bytes():
                body += chunk
                self._left_s()  # a server that sends byte by byte does not get round the deadline
                if len(body) > _MANIFEST_MAX:
                    raise self._distrusted(f"served more than {_MANIFEST_MAX} bytes")
        return _Answer(response.status_code, response.headers, bytes(body))

    def _left_s(self) -> float:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            what = f"{self._ref.host} did not give its digest in time"
            raise DeadlineError(self._where, what, "give it more with --deadline-s; the pin stays as it was")
        return left_s

    def _refuse_plain_http(self, request: httpx.Request) -> None:
        """Refuse any request without TLS, also where a redirect or a token realm leads to it."""
        if request.url.scheme == "https" or (self._ref.is_local and is_loopback(request.url.host)):
            return
        raise self._distrusted(f"leads to {request.url.host} without TLS")

    def _refused(self, what: str) -> AuthError:
        command = "docker login" + ("" if self._ref.registry == DOCKER_HUB else f" {self._ref.registry}")
        return AuthError(self._where, f"{self._ref.host} {what}", f"check the name, or run `{command}`")

    def _distrusted(self, what: str) -> BerthError:
        fix = "ask whoever runs it; the pin stays as it was"
        return BerthError(self._where, f"{self._ref.host} {what}", fix)


def challenges(headers: list[str]) -> dict[str, dict[str, str]]:
    """Read WWW-Authenticate headers (RFC 9110, 11.6.1): parameters by scheme, both in lower case."""
    return {
        found[1].lower(): {key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(found[2])}
        for header in headers
        for found in _CHALLENGE.finditer(header)
    }
