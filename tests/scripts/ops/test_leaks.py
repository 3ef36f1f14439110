"""A secret in a file of the repository fails `make check`, wherever it is; a clean tree passes."""

import base64
import random
import string
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from nomad_jobs.errors import PolicyError
from nomad_jobs.render import ROOT
from scripts.ops.leaks import leaks
from scripts.ops.toolchain.order import install
from tests.support.laptop import quiet

pytestmark = pytest.mark.live

RAW = random.Random(7).randbytes(120)  # as random as a real one, and the same each time


def letters(number: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(random.Random(7).choices(alphabet, k=number))


def a_uuid() -> str:
    return str(uuid.UUID(bytes=RAW[:16], version=4))


def private_key() -> str:
    kind = "EC PRIVATE KEY"  # in one piece it would be found here
    body = base64.b64encode(RAW).decode()
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


SECRETS: dict[str, Callable[[], str]] = {
    "AWS's key": lambda: "aws_access_key_id = AKIA" + letters(16, string.ascii_uppercase + "234567"),
    "AWS's secret": lambda: f'aws_secret_access_key = "{letters(40)}"',
    "private key": private_key,
    "GitLab's token": lambda: "token: glpat-" + letters(20),
    "Vault's token": lambda: "export VAULT_TOKEN=hvs." + letters(95),
    "first token of Nomad": lambda: f'bootstrap_token = "{a_uuid()}"',
    "first token of Nomad as JSON": lambda: f'{{"SecretID": "{a_uuid()}"}}',
    "file of a first token": lambda: f"{a_uuid()}\n",
    "gossip key": lambda: f'encrypt_key = "{base64.b64encode(RAW[:32]).decode()}"',
    "Hugging Face's token": lambda: 'HF_TOKEN = "hf_' + letters(34, string.ascii_letters) + '"',
}


@pytest.fixture(scope="module", autouse=True)
def _scanner() -> None:
    install(["gitleaks"], quiet())


def found(folder: Path) -> list[str]:
    return [str(one) for one in leaks(folder)]


def test_this_repository_has_none() -> None:
    assert found(ROOT) == []


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("file", ["settings.py", "tests/golden/prod/jobs/chat.nomad.hcl", "docs/notes.md", "key"])
def test_a_secret_is_found_and_not_repeated(tmp_path: Path, kind: str, file: str) -> None:
    secret = SECRETS[kind]()
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# a file of ours\n{secret}\n")
    (first, *_) = leaks(tmp_path)
    assert isinstance(first, PolicyError)
    assert first.where.startswith(f"{file}:")
    assert not [text for text in found(tmp_path) if secret[-16:].strip('"\n}') in text]


def test_what_is_rendered_is_looked_at(tmp_path: Path) -> None:
    """Every rendered file is a golden file, and none of their folders is an exception."""
    places = sorted(path.relative_to(ROOT) for path in (ROOT / "tests" / "golden").rglob("*") if path.is_file())
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(SECRETS["Vault's token"]())
    assert {text.partition(":")[0] for text in found(tmp_path)} == {str(place) for place in places}


def test_what_is_no_secret_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "ACCESSOR = 'c0ffee00'\n"
        "path = 'secret/data/default/chat/api-key'\n"
        f"digest = 'sha256:{'0f' * 32}'\n"
        "token = '00000000-0000-0000-0000-000000000000'\n"
    )
    assert found(tmp_path) == []
