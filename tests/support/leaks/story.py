"""What happens to a platform before it is searched: services with every kind of secret come, change, fail and go on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import BerthError
from nomad_jobs.images import Pins
from nomad_jobs.model import Env, File, OnChange, Secret, Service, json_file
from nomad_jobs.resolve import resolve
from scripts.ops.local.setup.seed import seed
from scripts.ops.local.setup.serve import give_access
from scripts.ops.local.supervision import Supervisor
from tests.support.laptop import Laptop, laptop, quiet
from tests.support.services import web

CONTROL = 'ControlThatMustBeFound/+"7'
"""A value that is no secret, in every place where a leak could be."""
READER = "leak-reader"
FAILING = "leak-failing"
_KEY = Secret(name="key", fields=("variable", "json", "plain", "followed", "script"))


@dataclass(kw_only=True)
class Story:
    """A platform with a past, and all that was printed meanwhile."""

    laptop: Laptop
    secrets: dict[str, str] = field(default_factory=dict)
    """Each value of each version of each secret in Vault, by where it is; certificates are none."""
    paths: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """The platform's own tokens and keys, by the file that has them."""
    printed: dict[str, str] = field(default_factory=dict)
    rendered: Path = Path()


def reader(**changes: Any) -> Service:
    """A service that gets its secret in every way there is, and says a plain value in every place there is."""
    files = (
        json_file("secrets/key.json", {"key": _KEY["json"]}),
        File(path="secrets/plain", parts=(_KEY["plain"].raw,)),
        json_file("secrets/followed.json", {"key": _KEY["followed"]}, is_reread=True),
        File(
            path="secrets/script.json",
            parts=(_KEY["script"],),
            on_change=OnChange.SCRIPT,
            script=("/bin/sh", "-c", "true"),
        ),
    )
    env = (Env(name="KEY", value=_KEY["variable"]), Env(name="CONTROL", value=CONTROL))
    made = web(READER, setup='echo "$CONTROL"; echo "$CONTROL" >&2', route=None, env=env, files=files)
    return replace(made, **changes)


@contextmanager
def story(folder: Path) -> Iterator[Story]:
    """Boot a platform, and let it live through a day."""
    with laptop() as booted, pytest.MonkeyPatch.context() as environment:
        environment.setenv("BERTH_STATE_DIR", str(booted.state.root))
        booted.state.write(booted.state.root / "platform.json", booted.platform.to_json())
        told = Story(laptop=booted, rendered=folder / "rendered")
        _serve(told)
        _read(told)
        told.laptop.deploy(reader())
        _restart_the_agents(told)  # Nomad's stream of events begins anew
        _move_a_pin(told)
        _fail(told)
        _print(told)
        _read(told)
        _control(told)
        told.keys |= _keys(booted.state.keys)
        yield told


def _serve(told: Story) -> None:
    """Deploy the catalogue with the command, as people do, with its most talkative output."""
    there = told.laptop
    services = resolve(SERVICES, there.platform.stack, there.platform.driver).services
    seed([*services, reader()], there.platform, there.target.vault, there.state.keys)
    give_access(services, Pins(), there.state, there.target, quiet())
    told.printed["deploy"] = berth("--debug", "deploy", "local")


def _move_a_pin(told: Story) -> None:
    vault = told.laptop.target.vault
    path = f"{told.laptop.platform.namespace}/{READER}/key"
    newest = vault.newest(path)
    values = {name: f'Second/{name}+"{os.urandom(16).hex()}' for name in _KEY.fields}
    vault.put_secret(path, values, after_version=newest.version)
    told.laptop.deploy(reader())


def _fail(told: Story) -> None:
    """Fail in both ways: a task that ends, and a secret without the field that is asked for."""
    for what, broken in (
        ("failed", web(FAILING, setup="exit 3", route=None, env=(Env(name="KEY", value=_KEY["plain"]),))),
        ("refused", reader(env=(Env(name="KEY", value=Secret(name="key", fields=("absent",))["absent"]),), files=())),
    ):
        try:
            seeded = [broken] if what == "failed" else []
            seed(seeded, told.laptop.platform, told.laptop.target.vault, told.laptop.state.keys)
            told.laptop.deploy(broken, deadline_s=20)
        except BerthError as error:
            told.printed[what] = f"{error!r} {error}"


def _restart_the_agents(told: Story) -> None:
    supervisor = Supervisor(told.laptop.state)
    before = supervisor.processes()
    for name in before:
        if name.startswith(("nomad", "consul")):
            psutil.Process(before[name].pid).kill()
    told.laptop.up()


def _control(told: Story) -> None:
    """Put the control where the catalogue's services put nothing of their own."""
    there = told.laptop
    there.target.consul.put_key("berth/local/control", CONTROL)
    path = f"{there.platform.namespace}/{READER}/key"
    there.target.vault.mark(path, {"control": CONTROL})


def _print(told: Story) -> None:
    told.printed["render"] = berth("render", "local", "-o", str(told.rendered))
    told.printed["plan"] = berth("--debug", "vault", "plan", "local", "--json")
    told.printed["status"] = berth("status", "--json")
    told.printed["doctor"] = berth("doctor")
    told.printed["again"] = berth("--debug", "deploy", "local")


def berth(*argv: str) -> str:
    """Run the command, and give all that it prints."""
    program = Path(sys.executable).parent / "berth"
    done = subprocess.run((program, *argv), capture_output=True, text=True, timeout=240, check=False)
    return done.stdout + done.stderr


def _read(told: Story) -> None:
    vault = told.laptop.vault
    told.paths = list(_paths(told, ""))
    for path in told.paths:
        newest = told.laptop.vault.get(f"/v1/secret/metadata/{path}")["data"]["current_version"]
        for version in range(1, newest + 1):
            found = vault.get(f"/v1/secret/data/{path}", version=version)
            for name, value in (found["data"]["data"] or {}).items() if found else ():
                if name != "certificate":
                    told.secrets[f"{path} {name} {version}"] = _core(str(value))


def _keys(folder: Path) -> dict[str, str]:
    texts = {path.name: path.read_text().strip() for path in folder.iterdir() if path.suffix != ".pem"}
    (unseals,) = json.loads(texts.pop("vault-init.json"))["keys_base64"]
    return {"vault-init.json": unseals, **{name: _core(text) for name, text in texts.items()}}


def _paths(told: Story, below: str) -> Iterator[str]:
    listed = told.laptop.vault.get(f"/v1/secret/metadata/{below}", list="true")
    for name in listed["data"]["keys"]:
        yield from _paths(told, below + name) if name.endswith("/") else [below + name]


def _core(value: str) -> str:
    """Give what of a value is enough to know it by: of PEM one line of its body, since lines may be joined."""
    lines = value.splitlines()
    return lines[1] if value.startswith("-----BEGIN") else value
