"""Reads the logins that `docker login` keeps in `~/.docker/config.json`."""

import base64
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nomad_jobs.errors import AuthError, ConfigError
from nomad_jobs.images import DOCKER_HUB

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_S = 20


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password; the password shows in no `repr`."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def dump(registry: str, login: Login | None) -> str:
    """Write Docker's file with the login for `registry`, or with none."""
    key = _HUB_KEY if registry == DOCKER_HUB else registry
    encoded = login.basic.removeprefix("Basic ") if login else ""
    return json.dumps({"auths": {key: {"auth": encoded}} if login else {}})


class _Auth(BaseModel):
    auth: str = ""
    username: str = ""
    password: str = ""


class _DockerConfig(BaseModel):
    """The part of Docker's file that is about logins; pydantic's errors must not quote its values."""

    model_config = ConfigDict(hide_input_in_errors=True)
    auths: dict[str, _Auth] = {}
    helpers: dict[str, str] = Field(default={}, alias="credHelpers")
    store: str = Field(default="", alias="credsStore")


class _HelperAnswer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    username: str = Field(alias="Username")
    secret: str = Field(alias="Secret")


def config_path() -> Path:
    """Where Docker keeps its configuration."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def login_for(registry: str) -> Login | None:
    """Find the login for `registry` (host[:port], or `docker.io`); None when there is none.

    Looks where Docker does: the file's `auths`, then the credential helper it names for that registry.

    Raises:
        ConfigError: Docker's file cannot be read.
        AuthError: the credential helper it names cannot be run.

    """
    config = _read(config_path())
    for key, auth in config.auths.items():
        if _registry_of(key) == registry and (login := _decoded(key, auth)):
            return login
    key = _HUB_KEY if registry == DOCKER_HUB else registry
    helper = config.helpers.get(key) or config.helpers.get(registry) or config.store
    return _ask(helper, key) if helper else None


def _read(path: Path) -> _DockerConfig:
    try:
        return _DockerConfig.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _DockerConfig()
    except (OSError, ValidationError):  # the cause is left out: it may quote a password
        raise ConfigError(str(path), "is no Docker configuration", "fix it, or move it away") from None


def _registry_of(key: str) -> str:
    """Give the host of a key of `auths`: older Dockers wrote URLs, and Docker Hub's key still is one."""
    host = key.split("://", 1)[-1].split("/", 1)[0]
    return DOCKER_HUB if host in {"index.docker.io", "registry-1.docker.io"} else host


def _decoded(key: str, auth: _Auth) -> Login | None:
    if not auth.auth:
        return Login(auth.username, auth.password) if auth.username else None
    try:
        username, _, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
    except ValueError:  # the cause is left out: it quotes what it could not decode
        fix = "run `docker login` for it again"
        raise ConfigError(str(config_path()), f"the login for {key} is not base64", fix) from None
    return Login(username, password.rstrip("\0")) if username else None


def _ask(helper: str, key: str) -> Login | None:
    """Ask `docker-credential-<helper>` (docker/docker-credential-helpers: key on stdin, JSON on stdout)."""
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, "get"], input=key.encode(), capture_output=True, timeout=_HELPER_S, check=False)
        answer = _HelperAnswer.model_validate_json(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValidationError):  # the cause may quote the answer
        what = f"the credential helper that {config_path()} names gave no login"
        raise AuthError(program, what, f"run `{program} get` by hand, or `docker login`") from None
    return Login(answer.username, answer.secret) if answer else None
