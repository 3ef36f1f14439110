"""Logins from Docker's configuration file, written here as `docker login` writes it."""

import base64
import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.errors import AuthError, BerthError, ConfigError
from scripts.ops.docker_login import Login, login_for

HIDDEN = "a-pass:word"  # of nobody
HUB_KEY = "https://index.docker.io/v1/"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep Docker's configuration, and its credential helpers, in a folder of the test's own."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def write(folder: Path, **content: Any) -> None:
    (folder / "config.json").write_text(json.dumps(content))


def encoded(user: str = "reader", password: str = HIDDEN) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write_helper(folder: Path, script: str) -> None:
    helper = folder / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\n{script}\n")
    helper.chmod(0o755)


def test_without_a_file_there_is_no_login(docker: Path) -> None:
    assert docker.is_dir()
    assert login_for("registry.example.com") is None


def test_home_is_where_docker_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker").mkdir()
    write(tmp_path / ".docker", auths={"registry.example.com": encoded()})
    assert login_for("registry.example.com") == Login("reader", HIDDEN)


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("registry.example.com:5050", "registry.example.com:5050"),
        ("https://registry.example.com/v2/", "registry.example.com"),
        (HUB_KEY, "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_a_login_is_found_by_its_registry(docker: Path, key: str, registry: str) -> None:
    write(docker, auths={"other.example.com": encoded("other", "x"), key: encoded()})
    assert login_for(registry) == Login("reader", HIDDEN)
    assert login_for("third.example.com") is None


def test_a_login_in_plain_fields_is_read(docker: Path) -> None:
    write(docker, auths={"registry.example.com": {"username": "reader", "password": HIDDEN}}, currentContext="x")
    assert login_for("registry.example.com") == Login("reader", HIDDEN)


@pytest.mark.parametrize(
    ("registry", "asked"), [("registry.example.com", "registry.example.com"), ("docker.io", HUB_KEY)]
)
def test_a_credential_helper_is_asked(docker: Path, registry: str, asked: str) -> None:
    write(docker, auths={registry: {}}, credsStore="test")
    answer = json.dumps({"ServerURL": asked, "Username": "reader", "Secret": HIDDEN})
    write_helper(docker, f"[ \"$1 $(cat)\" = 'get {asked}' ] && echo '{answer}'")
    assert login_for(registry) == Login("reader", HIDDEN)


def test_a_helper_for_one_registry_is_asked_for_that_one_only(docker: Path) -> None:
    write(docker, credHelpers={"registry.example.com": "test"})
    write_helper(docker, f'echo \'{{"Username": "reader", "Secret": "{HIDDEN}"}}\'')
    assert login_for("registry.example.com") == Login("reader", HIDDEN)
    assert login_for("other.example.com") is None


def test_a_helper_without_the_login_has_none(docker: Path) -> None:
    write(docker, credsStore="test")
    write_helper(docker, "echo credentials not found in native keychain; exit 1")
    assert login_for("registry.example.com") is None


def test_a_helper_that_is_not_installed_is_named(docker: Path) -> None:
    write(docker, credsStore="test")
    with pytest.raises(AuthError, match=r"docker-credential-test: the credential helper that .* names gave no login"):
        login_for("registry.example.com")


@pytest.mark.parametrize("content", [f"{{{HIDDEN}", '["auths"]', f'{{"auths": {{"a": "{HIDDEN}"}}}}', ""])
def test_a_broken_file_is_named_but_not_quoted(docker: Path, content: str) -> None:
    (docker / "config.json").write_text(content)
    with pytest.raises(ConfigError, match="is no Docker configuration") as caught:
        login_for("registry.example.com")
    assert_untold(caught.value)


@pytest.mark.parametrize("auth", ["%%%" + HIDDEN, base64.b64encode(b"\xff" + HIDDEN.encode()).decode()])
def test_a_broken_login_is_named_but_not_quoted(docker: Path, auth: str) -> None:
    write(docker, auths={"registry.example.com": {"auth": auth}})
    with pytest.raises(ConfigError, match=r"the login for registry.example.com is not base64 — run `docker login`"):
        login_for("registry.example.com")


def test_a_helper_that_babbles_is_not_quoted(docker: Path) -> None:
    write(docker, credsStore="test")
    write_helper(docker, f"echo '{HIDDEN}'")
    with pytest.raises(AuthError, match="gave no login") as caught:
        login_for("registry.example.com")
    assert_untold(caught.value)


def test_a_login_shows_no_password() -> None:
    assert repr(Login("reader", HIDDEN)) == "Login(username='reader')"


def assert_untold(error: BerthError) -> None:
    assert HIDDEN not in "".join(traceback.format_exception(error))
