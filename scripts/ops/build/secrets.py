"""Looks for secrets in every layer of an image, also in files that a later layer deletes."""

import json
import re
from collections.abc import Iterator

from scripts.ops.build.layout import LayerFile

_FORMS = {
    "a private key": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=:]{20}",
    "an AWS access key": rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "a Vault token": rb"\bhv[sbr]\.[A-Za-z0-9_-]{24,}",
    "a GitLab token": rb"\bgl(?:pat|dt|cbt|ptt|rt|ft)-[A-Za-z0-9_-]{20,}",
    "a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})",
    "a Hugging Face token": rb"\bhf_[A-Za-z0-9]{34}\b",
    "a Pulumi token": rb"\bpul-[0-9a-f]{40}\b",
    "a PyPI token": rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}",
    "a Slack token": rb"\bxox[abeoprs]-[A-Za-z0-9-]{20,}",
    "a password in a URL": rb"\bhttps?://[A-Za-z0-9._%+-]+:[A-Za-z0-9._%+-]{8,}@[A-Za-z0-9.-]+\.[a-z]{2,}",
}
"""What issuers say that their secrets look like."""
_FORM = re.compile(b"|".join(b"(?P<f%d>%s)" % (number, form) for number, form in enumerate(_FORMS.values())))
_NAMES = tuple(_FORMS)
_FILES = re.compile(
    r"(?:.*/)?(?:\.netrc|\.pypirc|\.git-credentials|\.vault-token|\.env|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.docker/config\.json|\.aws/credentials|\.pulumi/credentials\.json|\.npmrc)"
)
"""Files that hold nothing but secrets."""


def found(file: LayerFile) -> Iterator[str]:
    """Name what in this file looks like a secret; never the secret itself."""
    if _FILES.fullmatch(file.path):
        yield f"/{file.path} is a file of secrets"
    seen = {_NAMES[int((one.lastgroup or "f0")[1:])] for one in _FORM.finditer(file.data)}
    for name in sorted(seen):
        yield f"/{file.path} holds what looks like {name}"


def in_text(where: str, value: object) -> Iterator[str]:
    """Name what in a value that JSON can hold looks like a secret, such as a variable or a build's history."""
    seen = {_NAMES[int((one.lastgroup or "f0")[1:])] for one in _FORM.finditer(json.dumps(value).encode())}
    for name in sorted(seen):
        yield f"{where} holds what looks like {name}"
