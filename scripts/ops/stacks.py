"""Finds a stack's Platform record and tokens: in files on the laptop, else from Pulumi and the environment."""

import os
import subprocess
from pathlib import Path

from nomad_jobs.errors import AuthError, BerthError, NoSuchStackError
from nomad_jobs.images import Pins
from nomad_jobs.platform import LOCAL, Platform
from nomad_jobs.render import ROOT
from scripts.ops import images
from scripts.ops.credentials import Credentials
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State
from scripts.ops.toolchain.order import resolve

_PULUMI_S = 60
_TOKENS = ("NOMAD_TOKEN", "CONSUL_HTTP_TOKEN", "VAULT_TOKEN")


def platform_of(stack: str, record: Path | None = None) -> Platform:
    """Read the Platform record of `stack`; `record` names a file to read instead.

    A laptop that was never booted has one too: the defaults.

    Raises:
        NoSuchStackError: there is no such stack, or it was not made yet.
        ConfigError: the record is of another version, or damaged.

    """
    if record is not None:
        try:
            return Platform.from_json(record.read_text(), where=str(record))
        except OSError as error:
            raise NoSuchStackError(str(record), f"cannot be read ({error.strerror})") from None
    if stack == LOCAL:
        state = State.default()
        return state.platform() if state.exists() else local_platform(Settings())
    return Platform.from_json(_pulumi_output(stack), where=f"stack {stack}, Pulumi output 'platform'")


def pins_of(platform: Platform) -> Pins:
    """Read which digest each image has there: `images.lock` says it, and on a laptop what was built here."""
    pins = images.read_pins()
    if platform.is_laptop and platform.runs_containers:
        return Pins({**pins, **images.read_pins(State.default().images_lock)})
    return pins


def credentials_of(stack: str) -> Credentials:
    """Give the tokens for `stack`.

    Raises:
        NoSuchStackError: the laptop was never booted.
        AuthError: the environment lacks tokens of a cloud stack; it names them.

    """
    if stack == LOCAL:
        state = State.default()
        if not state.exists():
            raise NoSuchStackError("stack local", "the platform was never booted here", "run `berth up`")
        return state.credentials()
    missing = [name for name in _TOKENS if not os.environ.get(name)]
    if missing:
        fix = "log in to Vault and export them; CI logs in with its identity token"
        raise AuthError(f"stack {stack}", f"the environment lacks {', '.join(missing)}", fix)
    nomad, consul, vault = (os.environ[name] for name in _TOKENS)
    return Credentials(nomad=nomad, consul=consul, vault=vault)


def _pulumi_output(stack: str) -> str:
    argv = [str(resolve("pulumi")), "stack", "output", "platform", "--stack", stack]
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=_PULUMI_S, check=False)
    except subprocess.TimeoutExpired:
        raise BerthError(f"stack {stack}", f"pulumi gave no answer within {_PULUMI_S} s") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:300]
        fix = f"`berth infra up {stack}` makes it; `--platform FILE` reads a record from a file"
        raise NoSuchStackError(f"stack {stack}", f"Pulumi has no output 'platform' for it: {said}", fix)
    return done.stdout
