"""Offers engines that a minimal Vault lacks: each is a plugin, built when asked for and registered by its SHA-256."""

import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from infra.holdings import vault as holdings
from infra.holdings.entry import Entry, hold, lacks
from nomad_jobs.errors import BerthError, raise_all
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.local import processes
from scripts.ops.local.sessions import session
from scripts.ops.local.settings import ENGINES, Engine, Settings
from scripts.ops.local.setup import vault_keys
from scripts.ops.local.state import State, writing
from scripts.ops.local.supervision import Supervisor
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, order
from scripts.ops.toolchain.programs import named

_DIGEST_SHOWN = 16
_DATABASE = "database"
_HELPS = 200
_END_S = 5


def offer(state: State, settings: Settings, progress: Progress) -> None:
    """Make the running Vault offer the engines that were asked for, and those that are mounted.

    A full Vault has them in its program. Vault looks for a plugin only when it starts: where one came too late for its
    mount, Vault is started again.

    Raises:
        BerthError: (or ManyErrors) a plugin cannot be built, or its file is not the one that was registered.

    """
    _end_orphans(state)
    with _operator(state, settings) as vault:
        lacking = [engine for engine in _wanted(vault, settings.engines) if _fault(vault, state, engine)]
        if lacking:
            programs = order.install([engine.program for engine in lacking], progress)
            with progress.step("vault engines", ", ".join(engine.name for engine in lacking)), state.locked():
                _register(vault, state, {engine: programs[engine.program] for engine in lacking})
        if dead := [path for path, mount in _mounts(vault).items() if not _runs(vault, path, mount)]:
            with progress.step("vault engines", f"starting Vault again for {', '.join(dead)}"), state.locked():
                _start_again(state, settings)
    with _operator(state, settings) as vault:  # Vault may have been started again: the first one's connections are dead
        raise_all(faults(vault, state, settings.engines))


def running(state: State) -> list[psutil.Process]:
    """List the processes of plugins."""
    ours = processes.of_state(state.root) if any(state.vault_plugins.iterdir()) else []
    return [one for one in ours if (program := processes.program(one)) and program.parent == state.vault_plugins]


def faults(vault: Api, state: State, engines: Iterable[str]) -> Iterator[BerthError]:
    """Give an error for each engine, asked for or mounted, that Vault cannot run."""
    for engine in _wanted(vault, engines):
        if fault := _fault(vault, state, engine):
            yield BerthError(f"vault engine {engine.name}", fault, _fix(state, engine))
    for path, mount in _mounts(vault).items():
        if not _runs(vault, path, mount):
            what = f"mounted as {mount['type']}, but Vault does not run it"
            yield BerthError(f"vault mount {path}", what, f"run `berth up`; see {state.logs / 'vault.log'}")


def _operator(state: State, settings: Settings) -> Any:
    return session("Vault", settings.vault_url, state.key("vault-operator"))


def _wanted(vault: Api, asked: Iterable[str]) -> list[Engine]:
    """List the engines outside Vault's program that were asked for, or that something was mounted of."""
    mounted = {mount["type"] for mount in _mounts(vault).values()}
    wanted = [ENGINES[name] for name in ENGINES if name in set(asked) | mounted]
    return [engine for engine in wanted if not (_registered(vault, engine) or {}).get("builtin")]


def _mounts(vault: Api) -> Mapping[str, Mapping[str, Any]]:
    """Read the mounts of engines that may be plugins, by path."""
    kinds = {engine.plugin for engine in ENGINES.values() if engine.kind != _DATABASE}
    mounts = vault.get("/v1/sys/mounts")["data"]
    return {path: mount for path, mount in mounts.items() if mount["type"] in kinds}


def _runs(vault: Api, path: str, mount: Mapping[str, Any]) -> bool:
    """Whether Vault runs the registered plugin for a mount, or holds its engine itself.

    `running_sha256` is what Vault wrote down when it last ran the mount; only its help tells whether it runs now.
    """
    registered = _registered(vault, ENGINES[mount["type"]])
    is_right = registered is not None and (registered["builtin"] or mount["running_sha256"] == registered["sha256"])
    return is_right and vault.status(f"/v1/{path}?help=1") == _HELPS


def _registered(vault: Api, engine: Engine) -> Mapping[str, Any] | None:
    answer = vault.get(f"/v1/sys/plugins/catalog/{engine.kind}/{engine.plugin}")
    return answer["data"] if answer else None


def _fault(vault: Api, state: State, engine: Engine) -> str:
    """Say why Vault cannot run the engine's plugin; empty: it can."""
    registered = _registered(vault, engine)
    if registered is None:
        return "Vault does not know it"
    file = state.vault_plugins / Path(registered["command"]).name
    return _file_fault(file, registered["sha256"])


def _file_fault(file: Path, sha256: str) -> str:
    try:
        mode = file.lstat().st_mode
    except OSError as error:
        return f"{file} cannot be looked at ({error.strerror})"
    if not stat.S_ISREG(mode) or stat.S_IMODE(mode) != stat.S_IRWXU:
        return f"{file} is no file of mode 0700"
    actual = cache.sha256(file)
    return f"refused: {file} has SHA-256 {actual}, registered is {sha256}" if actual != sha256 else ""


def _fix(state: State, engine: Engine) -> str:
    if list(state.vault_plugins.glob(f"{engine.program}-*")):
        return "something changed that file: find out what; then remove it and run `berth up`, which copies its own"
    return f"run `berth up --engine {engine.name}`"


def _register(vault: Api, state: State, programs: Mapping[Engine, Path]) -> None:
    """Place each plugin and register it by the digest of the program that was built, whatever lies there already."""
    _refuse_folder(state.vault_plugins)
    entries = [_entry(engine, program, state) for engine, program in programs.items()]
    differing = [entry for entry in entries if lacks(vault, entry)]
    if differing:
        with root(vault, vault_keys.unseal_keys(state)) as as_root:
            for entry in differing:
                hold(as_root, entry)
    kept = {Path(found["command"]).name for engine in ENGINES.values() if (found := _registered(vault, engine))}
    for file in state.vault_plugins.iterdir():
        if file.name not in kept and file.is_file():
            file.unlink()


def _entry(engine: Engine, program: Path, state: State) -> Entry:
    digest = cache.sha256(program)
    placed = state.vault_plugins / f"{named(engine.program).command}-{digest[:_DIGEST_SHOWN]}"
    if fault := _file_fault(placed, digest):
        if fault.startswith("refused"):
            raise BerthError(f"vault engine {engine.name}", fault, _fix(state, engine))
        _copy(program, placed)
    return holdings.plugin(engine.kind, engine.plugin, placed.name, digest)


def _copy(program: Path, placed: Path) -> None:
    """Copy a plugin to where Vault looks: a link that leads out of that folder is refused by Vault."""
    with writing(placed), tempfile.TemporaryDirectory(dir=placed.parent, prefix=".fresh-") as aside:
        fresh = Path(aside) / placed.name
        shutil.copyfile(program, fresh)
        fresh.chmod(stat.S_IRWXU)
        fresh.replace(placed)


def _refuse_folder(folder: Path) -> None:
    if folder.is_symlink():
        raise BerthError(str(folder), "is a link, and Vault runs no plugin from behind one", "put a folder there")
    if cache.is_noexec(folder):
        fix = "set BERTH_STATE_DIR to a directory on another disk"
        raise BerthError(str(folder), "is mounted noexec, so Vault can run no plugin there", fix)


def _end_orphans(state: State) -> None:
    """End plugins whose Vault was killed: the new one starts its own, and nobody else would end these."""
    processes.end([one for one in running(state) if _lost_its_vault(one)], deadline_s=_END_S)


def _lost_its_vault(process: psutil.Process) -> bool:
    try:
        parent = process.parent()
        return parent is None or parent.name() != "vault"
    except psutil.Error:  # one of the two has just ended
        return False


def _start_again(state: State, settings: Settings) -> None:
    supervisor = Supervisor(state)
    supervisor.stop("vault")
    supervisor.begin("vault")
    with session("Vault", settings.vault_url) as vault:
        vault_keys.open_up(vault, state, supervisor)
