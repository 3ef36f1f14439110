"""Offers engines that a minimal Vault lacks: each is a plugin, built when asked for and registered by its SHA-256."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from infra.holdings import vault as holdings
from infra.holdings.entry import Entry, differs, find, hold
from nomad_jobs.errors import BerthError, raise_all
from scripts.ops.clients.api import Api
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import ENGINES, Engine
from scripts.ops.local.setup.vault_keys import root
from scripts.ops.local.state import State, writing
from scripts.ops.progress import Progress
from scripts.ops.toolchain import order

_DIGEST_SHOWN = 16


def offer(vault: Api, state: State, engines: Iterable[str], progress: Progress) -> None:
    """Make the running Vault offer `engines`; a full Vault has them already.

    Raises:
        BerthError: (or ManyErrors) a plugin's file is not the one that was registered, or it cannot be built.

    """
    wanted = [ENGINES[name] for name in engines]
    with session("Vault", vault.url, state.key("vault-operator")) as operator:
        raise_all(faults(operator, state, engines))
        missing = [engine for engine in wanted if not _is_builtin(operator, engine)]
        if not missing:
            return
        built = order.install([engine.program for engine in missing], progress)
        entries = [_entry(engine, _placed(built[engine.program], state)) for engine in missing]
        with progress.step("vault engines", ", ".join(engine.name for engine in missing)):
            _register(vault, operator, state, entries)


def faults(operator: Api, state: State, engines: Iterable[str]) -> Iterator[BerthError]:
    """Give an error for each plugin whose file is not the one that Vault registered: Vault would not run it."""
    for engine in (ENGINES[name] for name in engines):
        registered = _registered(operator, engine)
        if registered is None or registered["builtin"]:
            continue
        file = state.vault_plugins / Path(registered["command"]).name
        if file.exists() and (actual := _sha256(file)) != registered["sha256"]:
            what = f"refused: {file} has SHA-256 {actual}, registered is {registered['sha256']}"
            fix = "something changed that file: find out what; then remove it and run `berth up`, which copies its own"
            yield BerthError(f"vault engine {engine.name}", what, fix)


def is_offered(operator: Api, name: str) -> bool:
    """Whether Vault knows the engine, as a part of its program or as a plugin."""
    return _registered(operator, ENGINES[name]) is not None


def _is_builtin(operator: Api, engine: Engine) -> bool:
    registered = _registered(operator, engine)
    return registered is not None and registered["builtin"]


def _registered(operator: Api, engine: Engine) -> dict[str, Any] | None:
    answer = operator.get(f"/v1/sys/plugins/catalog/{engine.kind}/{engine.plugin}")
    return answer["data"] if answer else None


def _placed(program: Path, state: State) -> Path:
    """Copy a plugin into Vault's folder, under a name that tells its content: a link out of it is refused by Vault."""
    placed = state.vault_plugins / f"{program.name}-{_sha256(program)[:_DIGEST_SHOWN]}"
    if not placed.exists():
        with writing(placed), tempfile.TemporaryDirectory(dir=state.root) as aside:
            fresh = Path(aside) / placed.name
            shutil.copyfile(program, fresh)
            fresh.chmod(0o700)
            fresh.replace(placed)
    return placed


def _entry(engine: Engine, placed: Path) -> Entry:
    return holdings.plugin(engine.kind, engine.plugin, placed.name, _sha256(placed))


def _register(vault: Api, operator: Api, state: State, entries: Iterable[Entry]) -> None:
    differing = [entry for entry in entries if differs(entry.body, find(operator, entry))]
    if not differing:
        return
    with root(vault, state) as as_root:
        for entry in differing:
            hold(as_root, entry)


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
