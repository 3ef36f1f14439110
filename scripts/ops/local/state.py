"""The state directory of a local platform: version, settings, keys and paths, for its owner alone."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from nomad_jobs.errors import BerthError, ConfigError
from nomad_jobs.images import LOCK_NAME
from nomad_jobs.platform import Platform
from scripts.ops.credentials import Credentials
from scripts.ops.local.settings import Settings

VERSION = 1
REPOSITORY = Path(__file__).parents[3]
FREE_MB = 256
"""Below this the agents' databases would soon fail to grow."""

_SOCKET_PATH_MAX = 107
"""Linux's limit for the path of a Unix socket, in bytes."""
_FOLDERS = ("keys", "run", "logs")
_UNPRINTABLE = set("\"'%;\\\n\r\t")


class State:
    """One state directory; several may exist side by side. Making this value reads and writes nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()  # as the kernel reports working directories
        self.run = self.root / "run"
        self.logs = self.root / "logs"
        self.keys = self.root / "keys"
        self.vault_plugins = self.root / "vault-plugins"
        self.docker_config = self.run / "docker.json"
        self.images_lock = self.root / LOCK_NAME
        self.socket = self.run / "supervisor.sock"

    @classmethod
    def default(cls) -> "State":
        """`$BERTH_STATE_DIR`, or `.berth/local` in the repository."""
        return cls(Path(os.environ.get("BERTH_STATE_DIR") or REPOSITORY / ".berth" / "local"))

    def exists(self) -> bool:
        """Whether a platform was ever booted here."""
        return (self.root / "version").exists()

    def open(self) -> None:
        """Make the directory, or check that it is Berth's and of a version that this berth reads.

        Raises:
            ConfigError: it is not Berth's or of another version, or its path cannot be used.
            BerthError: it cannot be written, or its disk is full.

        """
        self._check_path()
        self._check_owner()
        with writing(self.root):
            self._check_version()
            for folder in (self.root, *(self.root / name for name in _FOLDERS)):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            self._check_space()
            self.write(self.root / "version", f"{VERSION}\n")

    @contextlib.contextmanager
    def locked(self, *, deadline_s: float = 300) -> Iterator[None]:
        """Hold the directory's lock: other `berth up` and `berth down` of it wait.

        Raises:
            BerthError: another one still holds it after `deadline_s` seconds.

        """
        lock = FileLock(self.root / "lock", mode=0o600)
        with writing(self.root):
            try:
                lock.acquire(timeout=deadline_s)
            except Timeout:  # it is an OSError, which `writing` would report as the disk's
                what = f"another berth up or down has been at work for {deadline_s:.0f} s"
                raise BerthError(str(self.root), what, "let it finish, or end it, then try again") from None
        try:
            yield
        finally:
            lock.release()

    def settings(self) -> Settings:
        """Read the settings of the last `berth up`, or the defaults."""
        self._check_version()
        path = self.root / "settings.json"
        try:
            text = path.read_text(errors="replace")
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            raise ConfigError(str(path), f"cannot be read: {error.strerror}", "remove it") from None
        return Settings.from_json(text, where=str(path))

    def platform(self) -> Platform:
        """Read the Platform record that the last `berth up` wrote.

        Raises:
            BerthError: there is none.

        """
        path = self.root / "platform.json"
        if not path.exists():
            raise BerthError(str(self.root), "no local platform was booted here", "run `berth up`")
        return Platform.from_json(path.read_text(errors="replace"), where=str(path))

    def credentials(self) -> Credentials:
        """Read the tokens to deploy with.

        Raises:
            BerthError: the platform was never booted to the end.

        """
        names = ("nomad-bootstrap", "consul-management", "vault-operator")
        found = [self.key(name) for name in names]
        if not all(found):
            raise BerthError(str(self.keys), "the local platform was not booted to the end", "run `berth up`")
        nomad, consul, vault = (str(one) for one in found)
        return Credentials(nomad=nomad, consul=consul, vault=vault)

    def key(self, name: str) -> str | None:
        """Read a secret of the `keys/` folder; None if it is not there."""
        path = self.keys / name
        return path.read_text(errors="replace").strip() if path.exists() else None

    def ensure_key(self, name: str) -> str:
        """Read a secret, or make it (a UUID) and write it first, so that what uses it can be repeated after a crash."""
        found = self.key(name)
        if not found:
            found = str(uuid.uuid4())
            self.write(self.keys / name, found + "\n")
        return found

    def write(self, path: Path, text: str) -> bool:
        """Write a 0600 file as a whole or not at all; give whether its text differed."""
        with writing(path):
            if path.exists() and path.read_text(errors="replace") == text:
                return False
            aside = path.with_name(f".{path.name}.new")
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - opened with its mode
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            return True

    def _check_path(self) -> None:
        fix = "set BERTH_STATE_DIR to another directory"
        if bad := _UNPRINTABLE & set(str(self.root)):
            raise ConfigError(
                str(self.root), f"the path of a state directory may not hold {' '.join(sorted(bad))}", fix
            )
        if len(os.fsencode(self.socket)) > _SOCKET_PATH_MAX:
            raise ConfigError(str(self.root), "the path is too long for a Unix socket below it", fix)

    def _check_owner(self) -> None:
        """Refuse root in somebody's directory: the files that root makes would stay when the owner comes back."""
        if self.root.exists() and (owner := self.root.stat().st_uid) != os.geteuid() == 0:
            fix = f"run as that user, or set BERTH_STATE_DIR to a directory of root's, such as {self.root}-root"
            raise ConfigError(str(self.root), f"belongs to user {owner}, and root runs this", fix)

    def _check_version(self) -> None:
        path = self.root / "version"
        if not path.exists():
            if self.root.exists() and any(self.root.iterdir()):
                what = "is not empty, and is not a state directory of Berth"
                raise ConfigError(str(self.root), what, "set BERTH_STATE_DIR to another directory")
            return
        found = path.read_text(errors="replace").strip()
        if found != str(VERSION):
            what = f"is of version {found or 'nothing'}, and this berth reads version {VERSION}; nothing was changed"
            raise ConfigError(str(self.root), what, "use the berth that wrote it, or set BERTH_STATE_DIR")

    def _check_space(self) -> None:
        free_mb = psutil.disk_usage(str(self.root)).free // 2**20
        if free_mb < FREE_MB:
            what = f"only {free_mb} MB are free on its disk, {FREE_MB} MB are needed; nothing was started"
            raise BerthError(str(self.root), what, "free some space, or set BERTH_STATE_DIR to another disk")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the errors of a disk.

    Raises:
        BerthError: `path` cannot be written; its old content is still there.

    """
    try:
        yield
    except OSError as error:
        fixes = {
            errno.ENOSPC: "free some space, then run the same command again",
            errno.EROFS: "make it writable, or set BERTH_STATE_DIR to another directory",
            errno.EACCES: "run as the user who owns it, or set BERTH_STATE_DIR to another directory",
        }
        fix = fixes.get(error.errno or 0, "set BERTH_STATE_DIR to another directory")
        raise BerthError(str(path), f"cannot be written: {error.strerror or error}", fix) from None
