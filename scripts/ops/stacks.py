"""Finds a stack's Platform record and tokens: in files on the laptop, else from Pulumi and the environment."""

import os
import subprocess
from pathlib import Path

from nomad_jobs.errors import AuthError, BerthError, NoSuchStackError
from nomad_jobs.images import Pins
from nomad_jobs.platform import LOCAL, Platform
from nomad_jobs.render import ROOT
from scripts.ops import images, stack_files
from scripts.ops.access.tokens import made_by_vault
from scripts.ops.credentials import Credentials
from scripts.ops.local.authority import CERTIFICATE
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State
from scripts.ops.pulumi_refusals import refusal
from scripts.ops.toolchain.order import resolve

_PULUMI_S = 60
_TOKENS = ("NOMAD_TOKEN", "CONSUL_HTTP_TOKEN", "VAULT_TOKEN")


def platform_of(stack: str, record: Path | None = None) -> Platform:
    """Read the Platform record of `stack`; `record` names a file to read instead.

    A laptop that was never booted has one too: the defaults.

    Raises:
        NoSuchStackError: there is no such stack, or it was not made yet.
        AuthError: nobody is logged in to where Pulumi keeps its state.
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


def credentials_of(platform: Platform) -> Credentials:
    """Give the tokens for a stack: on a laptop its own, else those of the environment, or those that Vault makes.

    Whoever is logged in to Vault needs no more: Vault makes tokens for Nomad and Consul that end with its own.

    Raises:
        NoSuchStackError: the laptop was never booted.
        AuthError: the environment has no token for Vault, or one that is nobody's who may act.

    """
    if platform.is_laptop:
        state = State.default()
        if not state.exists():
            raise NoSuchStackError("stack local", "the platform was never booted here", "run `berth up`")
        return state.credentials()
    nomad, consul, vault = (os.environ.get(name, "") for name in _TOKENS)
    if not vault:
        fix = "log in to Vault and export it; CI logs in with its identity token"
        raise AuthError(f"stack {platform.stack}", "the environment lacks VAULT_TOKEN", fix)
    return made_by_vault(platform, Credentials(nomad=nomad, consul=consul, vault=vault))


def authorities_of(platform: Platform) -> tuple[Path, ...]:
    """Name the files with the certificates of the authorities that a stack's clients trust."""
    if platform.is_laptop:
        return (State.default().keys / CERTIFICATE,)
    return (Path(platform.ca_file),) if platform.ca_file else ()


def _pulumi_output(stack: str) -> str:
    stack_files.require(stack)
    argv = [str(resolve("pulumi")), "stack", "output", "platform", "--stack", stack]
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=_PULUMI_S, check=False)
    except subprocess.TimeoutExpired:
        raise BerthError(f"stack {stack}", f"pulumi gave no answer within {_PULUMI_S} s") from None
    if done.returncode != 0:
        where = f"stack {stack}"
        if refused := refusal(where, stack, done.stderr):
            raise refused
        said = " ".join(done.stderr.split())[:300]
        fix = f"`berth infra up {stack}` makes it; `--platform FILE` reads a record from a file"
        raise NoSuchStackError(where, f"Pulumi has no output 'platform' for it: {said}", fix)
    return done.stdout
