"""A real PostgreSQL on loopback, for one test: with a superuser of its own and nothing else."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.ops.toolchain import system_packages
from scripts.ops.waiting import wait_until
from tests.support.laptop import free_port

_START_S = 60
_SUPERUSER = "berth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Postgres:
    """Where it listens, and its superuser."""

    port: int
    bin: Path
    user: str = _SUPERUSER
    password: str = field(repr=False)

    def ask(self, sql: str, *, user: str = "", password: str = "") -> str:
        """Run one statement, by default as the superuser; return its rows, or what psql says is wrong."""
        env = {"PGPASSWORD": password or self.password, "PATH": os.environ["PATH"]}
        argv = [str(self.bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres", "-At"]
        argv += ["-U", user or self.user, "-c", sql]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=20)
        return (done.stdout or done.stderr).strip()

    def connected(self, url: str) -> str:
        """Give the user as whom psql is connected by `url`, which it reads from stdin; or what it says is wrong."""
        env = {"PGPASSWORD": self.password, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        argv = [str(self.bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres", "-AtqX"]
        commands = f'\\connect "{url}"\nselect session_user;\n'
        argv += ["-U", self.user, "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(argv, env=env, input=commands, capture_output=True, text=True, check=False, timeout=20)
        return (done.stdout or done.stderr).strip()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start one; stop and remove it at the end. It refuses to run as root, so root runs it as its own user."""
    server = system_packages.find("postgresql")
    assert server, "no PostgreSQL here: `berth tools install --for-tests` brings it"
    folder = Path(tempfile.mkdtemp(prefix="berth-pg-"))
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    try:
        os.chown(folder, account.pw_uid, account.pw_gid)
        with ExitStack() as held:
            port = free_port(held)
        made = Postgres(port=port, bin=server.resolve().parent, password=secrets.token_hex())
        with _running(made, folder, account):
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(made: Postgres, folder: Path, account: pwd.struct_passwd) -> Iterator[None]:
    def run(name: str, *options: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [str(made.bin / name), "-D", str(folder / "data"), *options],
                cwd=folder, stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                user=account.pw_uid, group=account.pw_gid, extra_groups=[],
            )  # fmt: skip

    password = folder / "password"
    password.write_text(made.password)
    password.chmod(0o600)
    os.chown(password, account.pw_uid, account.pw_gid)
    initialised = run("initdb", "-U", made.user, "-A", "scram-sha-256", f"--pwfile={password}", "--no-sync")
    assert initialised.wait(_START_S) == 0, (folder / "initdb.log").read_text()
    server = run("postgres", "-p", str(made.port), "-c", "listen_addresses=127.0.0.1", "-k", str(folder))
    try:
        wait_until(
            lambda: None if made.ask("select 1") == "1" else made.ask("select 1"),
            where="PostgreSQL", what="answering", deadline_s=_START_S,
        )  # fmt: skip
        yield
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL waits for no client then, and Vault keeps its connection
        server.wait(_START_S)
