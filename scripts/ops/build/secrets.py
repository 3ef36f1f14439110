"""Looks for secrets in every layer of an image, also in files that a later layer deletes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.ops.build.layout import LayerFile


@dataclass(frozen=True, slots=True)
class _Form:
    """What a kind of secret looks like, as its issuer says; `sign` is always part of it, and quick to look for."""

    name: str
    sign: bytes
    whole: re.Pattern[bytes]
    only_in: re.Pattern[str] | None = None
    """Which files to look into; None: all. Programs quote URLs with a password as examples."""

    def is_in(self, path: str, data: bytes) -> bool:
        if self.only_in and not self.only_in.fullmatch(path):
            return False
        return self.sign in data and self.whole.search(data) is not None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something in an image that looks like a secret; it does not hold the secret."""

    path: str
    what: str
    layer: str = ""

    def __str__(self) -> str:
        where = f" (layer {self.layer[7:19]})" if self.layer else ""
        return f"{self.path} {self.what}{where}"


_KEY_BLOCK = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=:]{20}"
_IN_URL = rb"\bhttps?://[A-Za-z0-9._%+-]{1,64}:[A-Za-z0-9._%+-]{8,64}@[A-Za-z0-9.-]+\.[a-z]{2,}"
_SETTINGS = re.compile(r"(?:.*/)?(?:pip\.conf|uv\.toml|\.gitconfig|config|sources\.list|.+\.(?:list|env|conf))|")
_FORMS = (
    _Form("a private key", b"PRIVATE KEY", re.compile(_KEY_BLOCK)),
    _Form("an AWS access key", b"AKIA", re.compile(rb"\bAKIA(?![A-Z2-7]*EXAMPLE\b)[A-Z2-7]{16}\b")),
    _Form("an AWS session's key", b"ASIA", re.compile(rb"\bASIA(?![A-Z2-7]*EXAMPLE\b)[A-Z2-7]{16}\b")),
    _Form("a Vault token", b"hvs.", re.compile(rb"\bhvs\.[A-Za-z0-9_-]{24,}")),
    _Form("a GitLab token", b"glpat-", re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,}")),
    _Form("a GitLab runner's token", b"glrt-", re.compile(rb"\bglrt-[A-Za-z0-9_-]{20,}")),
    _Form("a GitHub token", b"ghp_", re.compile(rb"\bghp_[A-Za-z0-9]{36}")),
    _Form("a GitHub token", b"github_pat_", re.compile(rb"\bgithub_pat_[A-Za-z0-9_]{60,}")),
    _Form("a Hugging Face token", b"hf_", re.compile(rb"\bhf_[A-Za-z0-9]{34}\b")),
    _Form("a Pulumi token", b"pul-", re.compile(rb"\bpul-[0-9a-f]{40}\b")),
    _Form("a PyPI token", b"pypi-AgEIcHlwaS5vcmc", re.compile(rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}")),
    _Form("a Slack token", b"xoxb-", re.compile(rb"\bxoxb-[A-Za-z0-9-]{20,}")),
    _Form("a password in a URL", b"://", re.compile(_IN_URL), _SETTINGS),
)
_FILES = re.compile(
    r"(?:.*/)?(?:\.netrc|\.pypirc|\.git-credentials|\.vault-token|\.env|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.docker/config\.json|\.aws/credentials|\.pulumi/credentials\.json|\.npmrc)"
)
"""Files that hold nothing but secrets."""


def found(file: LayerFile) -> Iterator[Suspicion]:
    """Name what in this file looks like a secret."""
    if _FILES.fullmatch(file.path):
        yield Suspicion(f"/{file.path}", "is a file of secrets", file.layer)
    for name in _names(file.path, file.data):
        yield Suspicion(f"/{file.path}", f"holds what looks like {name}", file.layer)


def in_text(where: str, value: object) -> Iterator[Suspicion]:
    """Name what in a value that JSON can hold looks like a secret, such as a variable or a build's history."""
    for name in _names("", json.dumps(value).encode()):
        yield Suspicion(where, f"holds what looks like {name}")


def _names(path: str, data: bytes) -> list[str]:
    return sorted({form.name for form in _FORMS if form.is_in(path, data)})
