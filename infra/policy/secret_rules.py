"""L5 of the LEAK rules: nothing that looks like a secret in a resource, its user data, or an output."""

import base64
import binascii
import gzip
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from infra.policy.resource import Resource, Violation

_KNOWN = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a Vault token": re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    "a GitLab token": re.compile(r"\bgl(pat|ptt|rt|oas|dt)-[A-Za-z0-9_-]{20,}"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/:@]{3,}@"),
}
_NAMED = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|encrypt|gossip)[\w-]*)"
    r"[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9+/_=.-]{16,})"
)
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key|credential)s?$")
_BLOB = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_RANDOM_BITS = 3.4
"""Entropy in bits for each character from which a text reads as random; English has about 4.1 in long texts but
neither digits nor mixed case inside its words."""
_DEPTH = 3
"""Cloud-init nests: base64 of gzip of a file that holds base64."""


def secrets(resource: Resource) -> Iterator[Violation]:
    """L5: properties of resources and user data hold no secret; machines fetch theirs with their own IAM role."""
    for path, text in _leaves(resource.props, ""):
        found = secret_in(text, path.rsplit(".", 1)[-1].split("[")[0])
        if found:
            fix = "keep it in Vault or Parameter Store, and let the machine fetch it"
            yield Violation(rule="L5", resource=resource.name, what=f"{path} holds {found}", fix=fix)


def outputs(values: Mapping[str, Any]) -> Iterator[Violation]:
    """L5: what the stack exports may be shown to anyone."""
    for path, text in _leaves(values, ""):
        found = secret_in(text, path.rsplit(".", 1)[-1])
        if found:
            fix = "export where it is kept instead"
            yield Violation(rule="L5", resource="stack outputs", what=f"{path} holds {found}", fix=fix)


def secret_in(text: str, name: str = "") -> str:
    """Say what kind of secret `text` holds (never the secret itself), empty if none; `name` is what it is called."""
    for one in _unpacked(text, _DEPTH):
        for what, pattern in _KNOWN.items():
            if pattern.search(one):
                return what
        for match in _NAMED.finditer(one):
            if is_random(match[2]):
                return f"a random value called {match[1]}"
    return "a random value under a secret's name" if _SECRET_NAME.search(name) and is_random(text) else ""


def is_random(text: str) -> bool:
    """Whether a text looks drawn at random: UUIDs, long hex, or mixed letters and digits without words."""
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-fA-F]{32,}", text):
        return True
    mixed = all(re.search(sign, text) for sign in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed and re.fullmatch(r"[A-Za-z0-9+/_=-]{16,}", text) is not None and _entropy(text) > _RANDOM_BITS


def _entropy(text: str) -> float:
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from _leaves(one, f"{path}[{place}]")


def _unpacked(text: str, depth: int) -> Iterator[str]:
    """Yield the text, and every text that is packed inside it."""
    yield text
    for blob in _BLOB.findall(text) if depth else ():
        inner = _decoded(blob)
        if inner:
            yield from _unpacked(inner, depth - 1)


def _decoded(blob: str) -> str:
    try:
        data = base64.b64decode(blob, validate=True)
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        return plain.decode()
    except (binascii.Error, OSError, EOFError, ValueError):
        return ""
