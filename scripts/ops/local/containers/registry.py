"""The registry of a laptop's containers: Debian's `docker-registry`, with TLS, and a login that Vault keeps.

Docker trusts every registry in 127.0.0.0/8 without TLS; this one is not there, so that a wrong certificate or login
shows here as it does in the cloud.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import bcrypt
import httpx
from docker.errors import APIError

from nomad_jobs.errors import BerthError, ConfigError
from nomad_jobs.platform import Platform
from nomad_jobs.registry import REGISTRY
from scripts.ops import docker_login
from scripts.ops.clients.vault import Vault
from scripts.ops.docker_login import Login
from scripts.ops.local.authority import CERTIFICATE, covers, make_certificate
from scripts.ops.local.containers.daemon import connected, said
from scripts.ops.local.settings import Containers, Settings
from scripts.ops.local.setup.seed import complete
from scripts.ops.local.state import State, writing

PROGRAM = "registry"
"""Its name among the programs of supervisord."""
_TRUST = Path("/etc/docker/certs.d")
"""Where Docker looks for the authority of a registry, in a folder of the registry's name."""
_ROUNDS = 10
_LONGEST = 72
_TIMEOUT_S = 5


def configuration(settings: Settings, state: State) -> str:
    """Write its configuration; nothing in it is secret."""
    pem = str(_certificate(state))
    return json.dumps(  # which is YAML as well
        {
            "version": 0.1,
            "log": {"accesslog": {"disabled": True}, "level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(state.root / PROGRAM)}, "delete": {"enabled": True}},
            "http": {"addr": settings.registry, "tls": {"certificate": pem, "key": pem, "minimumtls": "tls1.2"}},
            "auth": {"htpasswd": {"realm": "Berth", "path": str(_passwords(state))}},
        },
        indent=2,
    )


def login(platform: Platform, vault: Vault) -> Login:
    """Read the login from Vault; the first time, choose one and write it there.

    Raises:
        ConfigError: somebody wrote one there that no registry could have.

    """
    path = REGISTRY.login_path(platform.namespace)
    complete(path, [REGISTRY.login], vault)
    values = vault.secret(path)
    if faults := "; ".join(_faults(values)):
        raise ConfigError(f"secret {path}", f"is no login for a registry: {faults}", "write another one there")
    return Login(values["username"], values["password"])


def _faults(values: dict[str, Any]) -> Iterator[str]:
    for name in ("username", "password"):
        value = values.get(name)
        if not isinstance(value, str) or not value or not value.isprintable():
            yield f"{name} must be a text without line ends and other control characters"
        elif len(value.encode()) > _LONGEST:
            yield f"{name} is longer than {_LONGEST} bytes, of which bcrypt reads no more"
    if ":" in str(values.get("username", "")):
        yield "username must have no colon"


def supply(settings: Settings, state: State, given: Login) -> bool:
    """Write what the registry, Nomad and Docker need of each other; give whether the registry must be started again."""
    state.write(state.docker_config, docker_login.dump(settings.registry, given))
    if not _accepts(_passwords(state), given):
        hashed = bcrypt.hashpw(given.password.encode(), bcrypt.gensalt(_ROUNDS)).decode()
        state.write(_passwords(state), f"{given.username}:{hashed}\n")
    return _certify(settings, state)


def forget(settings: Settings) -> None:
    """Let Docker no longer trust the laptop's authority."""
    file = authority(settings.registry)
    with writing(file), suppress(FileNotFoundError):
        file.unlink(missing_ok=True)
        file.parent.rmdir()


def missing(settings: Settings) -> str | None:
    """Say what is missing before it serves whom it knows, and refuses others; None: nothing."""
    trust = ssl.create_default_context(cafile=str(authority(settings.registry)))
    try:
        answer = httpx.get(f"https://{settings.registry}/v2/", verify=trust, trust_env=False, timeout=_TIMEOUT_S)
    except httpx.TransportError as error:
        raise BerthError("registry", f"does not answer ({error})", "`berth doctor` looks") from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return None
    return f"it answers {answer.status_code} without a login"


def try_login(containers: Containers, address: str, given: Login) -> None:
    """Have Docker log in to the registry at `address`: what it trusts is its own matter, and where it looks.

    Raises:
        BerthError: Docker does not trust the registry, does not reach it, or the registry refuses the login.

    """
    with connected(containers.daemon) as client:
        try:
            client.login(given.username, given.password, registry=address, reauth=True)
        except APIError as error:
            fix = f"does it read {authority(address).parent}? Restart Docker, and see its proxy settings"
            raise BerthError("registry", f"Docker cannot log in to {address}: {said(error)}", fix) from error


def authority(address: str) -> Path:
    """Give the file with the authority of the registry at `address`, where Docker looks for it."""
    return _TRUST / address / CERTIFICATE


def _certify(settings: Settings, state: State) -> bool:
    """Make a certificate for the registry's address unless there is a good one, and let Docker trust its authority."""
    file = _certificate(state)
    address = settings.registry.partition(":")[0]
    has_changed = not covers(file.read_text() if file.exists() else "", [], [address])
    if has_changed:
        state.write(file, "".join(make_certificate("Berth laptop registry", [], [address], state.keys)))
    trusted = authority(settings.registry)
    with writing(trusted):
        trusted.parent.mkdir(parents=True, exist_ok=True)
        trusted.write_text((state.keys / CERTIFICATE).read_text())
    return has_changed


def _accepts(file: Path, given: Login) -> bool:
    """Whether the file has this login; a hash is salted, so the same login would be written anew each time."""
    name, _, hashed = file.read_text().strip().partition(":") if file.exists() else ("", "", "")
    return name == given.username and bcrypt.checkpw(given.password.encode(), hashed.encode())


def _certificate(state: State) -> Path:
    return state.keys / "registry.pem"


def _passwords(state: State) -> Path:
    return state.keys / "registry-htpasswd"
