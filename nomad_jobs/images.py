"""Images by digest: tag references, and the pins of `images.lock`, which say which bytes each tag named."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from nomad_jobs.errors import BerthError, ConfigError, raise_all

LOCK_NAME = "images.lock"
DOCKER_HUB = "docker.io"

_LOCK_HEADER = "# Written by `berth images pin`: which bytes each tag named. Other comments do not last.\n"
_NAME_MAX = 255

# The grammar of github.com/distribution/reference, by which Docker and Nomad's docker driver read references.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LOOK_UP = "delete the line and run `berth images pin`"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRef:
    """A tag reference with Docker's defaults filled in.

    Raises:
        ConfigError: (or ManyErrors) Docker would not read the reference so.

    """

    registry: str
    """Host and port as people write them: `docker.io`, `registry.example.com:5000`."""
    repository: str
    tag: str

    def __post_init__(self) -> None:
        where = f"image {f'{self.registry}/{self.repository}:{self.tag}'!r}"
        raise_all(ConfigError(where, what, "write registry/repository:tag") for what in _faults(self))

    @classmethod
    def parse(cls, reference: str) -> Self:
        """Read `[registry[:port]/]repository:tag`, as in `nginx:1.28`.

        Raises:
            ConfigError: (or ManyErrors) `reference` is no reference, has no tag, or names a digest itself.

        """
        if "@" in reference:
            fix = f"write only the tag: {LOCK_NAME} keeps the digest"
            raise ConfigError(f"image {reference!r}", "names a digest", fix)
        name, _, tag = reference.rpartition(":")
        if not name or "/" in tag:
            raise ConfigError(f"image {reference!r}", "has no tag", "write one, as in nginx:1.28")
        first, _, rest = name.partition("/")
        if not (rest and _is_registry(first)):
            first, rest = DOCKER_HUB, name
        if first in {DOCKER_HUB, "index.docker.io"}:
            first, rest = DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
        return cls(registry=first, repository=rest, tag=tag)

    @property
    def host(self) -> str:
        """The host of the registry's HTTP API; Docker Hub's is not `docker.io`."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine; only then may it speak plain HTTP, as with Docker."""
        return is_loopback(re.sub(r":\d+$", "", self.registry))

    @property
    def manifest_url(self) -> str:
        """The URL of this tag's manifest in the registry's HTTP API."""
        return self._url_of(self.tag)

    def digest_url(self, digest: str) -> str:
        """Give the URL of the manifest with this digest, whatever the tag names now."""
        return self._url_of(digest)

    def _url_of(self, name: str) -> str:
        scheme = "http" if self.is_local else "https"
        return f"{scheme}://{self.host}/v2/{self.repository}/manifests/{name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageByDigest:
    """An image of others by its digest; the tag only says to people what that was.

    Raises:
        ConfigError: (or ManyErrors) the tag is no reference, or the digest no digest.

    """

    reference: str
    digest: str

    def __post_init__(self) -> None:
        ImageRef.parse(self.reference)
        if not is_digest(self.digest):
            fix = "write reference@digest, as in debian:12-slim@sha256:…"
            raise ConfigError(f"image {self.reference}", f"{self.digest!r} is no digest", fix)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `debian:12-slim@sha256:…`."""
        reference, _, digest = text.partition("@")
        return cls(reference=reference, digest=digest)

    @property
    def ref(self) -> ImageRef:
        """Where it comes from."""
        return ImageRef.parse(self.reference)

    @property
    def source(self) -> str:
        """Its name without the tag, which some programs refuse beside a digest."""
        return f"{self.ref.registry}/{self.ref.repository}@{self.digest}"


class Pins(Mapping[str, str]):
    """Read-only and sorted: a tag reference as the catalogue writes it -> `sha256:<64 hex digits>`.

    Raises:
        ConfigError: (or ManyErrors) an entry is no reference, or pins no digest.

    """

    def __init__(self, entries: Mapping[str, str] | None = None) -> None:
        self._entries = dict(sorted((entries or {}).items()))
        raise_all(error for item in self._entries.items() for error in _entry_errors(LOCK_NAME, *item))

    def __getitem__(self, reference: str) -> str:
        return self._entries[reference]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Pins({self._entries!r})"


def is_loopback(host: str) -> bool:
    """Tell whether `host` (no port) can only be this machine: `localhost`, 127.0.0.0/8 or `[::1]`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def advice(ref: ImageRef) -> str:
    """Say what helps where a registry cannot be reached: the one of a fresh checkout is nobody's."""
    is_example = re.sub(r":\d+$", "", ref.registry).endswith("example.com")
    return "set your own registry's host in nomad_jobs/registry.py" if is_example else "check the network"


def parse_lock(text: str) -> Pins:
    """Read `images.lock`: a `reference digest` pair a line; blank lines and # lines are skipped.

    Raises:
        ConfigError: (or ManyErrors) every line that is wrong, each with its number.

    """
    entries: dict[str, str] = {}
    errors: list[BerthError] = []
    for number, line in enumerate(text.split("\n"), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        wrong = tuple(_line_errors(f"{LOCK_NAME}:{number}", fields, entries))
        errors.extend(wrong)
        if not wrong:
            entries[fields[0]] = fields[1]
    raise_all(errors)
    return Pins(entries)


def dump_lock(pins: Pins) -> str:
    """Write `images.lock`: one line each, sorted; the same pins give the same bytes."""
    return _LOCK_HEADER + "".join(f"{reference} {digest}\n" for reference, digest in pins.items())


def pinned(reference: str, pins: Pins, service: str = "") -> str:
    """Name the image by tag and digest: `nginx:1.28@sha256:…`.

    Docker pulls by the digest and ignores the tag; so does Nomad's docker driver from 1.10.0 on. Older drivers pull
    the tag, and fail to find the digest once the tag has moved.

    Raises:
        ConfigError: the image has no pin; the fix is the command that looks it up, for `service` where given.

    """
    if reference not in pins:
        fix = f"run `{f'berth images pin {service}'.strip()}` and commit the file"
        raise ConfigError(f"image {reference}", f"has no digest in {LOCK_NAME}", fix)
    return f"{reference}@{pins[reference]}"


def is_digest(text: str) -> bool:
    """Tell whether `text` is `sha256:` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def _is_registry(first: str) -> bool:
    """Apply Docker's rule, which tells `registry.example.com/app` from `vllm/vllm-openai`."""
    return first == "localhost" or first != first.lower() or any(mark in first for mark in ".:")


def _faults(ref: ImageRef) -> Iterator[str]:
    if not _REGISTRY.fullmatch(ref.registry):
        yield f"registry {ref.registry!r} is no host with an optional port"
    if not _REPOSITORY.fullmatch(ref.repository):
        yield f"repository {ref.repository!r} must be lower-case letters and digits, parted by / . _ or -"
    if len(f"{ref.registry}/{ref.repository}") > _NAME_MAX:
        yield f"is longer than {_NAME_MAX} characters"
    if not _TAG.fullmatch(ref.tag):
        yield f"tag {ref.tag!r} must be up to 128 letters, digits, . _ or -, and not start with . or -"


def _line_errors(where: str, fields: list[str], entries: Mapping[str, str]) -> Iterator[BerthError]:
    match fields:
        case [reference, digest]:
            if reference in entries:
                yield ConfigError(where, f"pins {reference} a second time", "keep one of the two lines")
            yield from _entry_errors(where, reference, digest)
        case _:
            yield ConfigError(where, "is no `reference digest` pair", _LOOK_UP)


def _entry_errors(where: str, reference: str, digest: str) -> Iterator[BerthError]:
    try:
        ImageRef.parse(reference)
    except BerthError as error:
        yield ConfigError(where, str(error).replace("\n", "; "))
    if not is_digest(digest):
        yield ConfigError(where, f"{digest!r} is not `sha256:` and 64 lower-case hex digits", _LOOK_UP)
