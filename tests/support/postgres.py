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
from urllib.parse import unquote, urlsplit

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
    folder: Path
    account: pwd.struct_passwd
    """As whom it runs."""
    user: str = _SUPERUSER
    password: str = field(repr=False)
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """The one that runs."""

    def ask(self, sql: str, *, user: str = "", password: str = "", database: str = "postgres") -> str:
        """Run one statement, by default as the superuser; return its rows, or what psql says is wrong."""
        env = {"PGPASSWORD": password or self.password, "PATH": os.environ["PATH"]}
        argv = [str(self.bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-d", database, "-At"]
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
    def held(self, url: str) -> Iterator[subprocess.Popen[str]]:
        """Hold a connection that psql has by `url`; what it is to do goes to its stdin."""
        argv = [str(self.bin / "psql"), "-AtX", "-v", "ON_ERROR_STOP=1"]
        parts = urlsplit(url)
        env = {"PGHOST": str(parts.hostname), "PGPORT": str(parts.port), "PGDATABASE": "postgres"}
        env |= {"PGUSER": unquote(str(parts.username)), "PGPASSWORD": unquote(str(parts.password))}
        env |= {"PATH": os.environ["PATH"]}
        with subprocess.Popen(
            argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as psql:
            try:
                assert psql.stdin
                assert psql.stdout
                psql.stdin.write("select 'connected';\n")
                psql.stdin.flush()
                assert psql.stdout.readline() == "connected\n"
                yield psql
            finally:
                psql.kill()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop it for the time of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def stop(self) -> None:
        """Stop it at once; its data stay."""
        server = self.servers.pop()
        server.send_signal(signal.SIGINT)  # PostgreSQL waits for no client then, and Vault keeps its connection
        server.wait(_START_S)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ("-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-k", str(self.folder))
        self.servers.append(self.run("postgres", *options))
        wait_until(
            lambda: None if self.ask("select 1") == "1" else self.ask("select 1"),
            where="PostgreSQL", what="answering", deadline_s=_START_S,
        )  # fmt: skip

    def run(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Run one of its programs on its data."""
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [str(self.bin / name), "-D", str(self.folder / "data"), *options],
                cwd=self.folder, stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                user=self.account.pw_uid, group=self.account.pw_gid, extra_groups=[],
            )  # fmt: skip


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
        programs = server.resolve().parent
        made = Postgres(port=port, bin=programs, folder=folder, account=account, password=secrets.token_hex())
        _initialise(made)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(made: Postgres) -> None:
    password = made.folder / "password"
    password.write_text(made.password)
    password.chmod(0o600)
    os.chown(password, made.account.pw_uid, made.account.pw_gid)
    initialised = made.run("initdb", "-U", made.user, "-A", "scram-sha-256", f"--pwfile={password}", "--no-sync")
    assert initialised.wait(_START_S) == 0, (made.folder / "initdb.log").read_text()
