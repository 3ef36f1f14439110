"""Runs supervisord, which keeps the agents running, restarts one that ends, and rotates their logs."""

import http.client
import shlex
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from supervisor.xmlrpc import Faults, SupervisorTransport

from nomad_jobs.errors import BerthError
from scripts.ops.local.state import State

START_S = 20
_ANSWER_S = 90
"""Longest call: stopping an agent, which is killed after `stop_s`."""
_DOWN = {"STOPPED", "EXITED", "FATAL", "BACKOFF", "UNKNOWN"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A background process: its command line (nothing secret in it), and how long it may take to stop."""

    name: str
    argv: tuple[str, ...]
    digest: str = ""
    """Digest of its configuration: when it changes, the process is restarted."""
    env: Mapping[str, str] = field(default_factory=dict)
    stop_s: int = 20
    stdout: str = ""
    """Name of a separate log for stdout; empty: stdout and stderr share one."""
    umask: str = ""
    """What it denies others in files that it makes; empty: everything."""
    events: str = ""
    """The events of supervisord that it listens to; empty: an ordinary program."""


@dataclass(frozen=True, slots=True)
class Process:
    """What supervisord reports of one program."""

    name: str
    state: str
    pid: int
    uptime_s: int
    why: str
    """Why it last ended, as supervisord words it."""

    @property
    def runs(self) -> bool:
        """Whether its process runs or is being started."""
        return self.state not in _DOWN


def conf(state: State, programs: tuple[Program, ...], env: Mapping[str, str]) -> str:
    """Write supervisord's configuration; `env` is the programs' whole environment."""
    head = [
        "[unix_http_server]",
        f"file = {_quoted(state.socket)}",
        "chmod = 0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        f"logfile = {_quoted(state.logs / 'supervisord.log')}",
        "logfile_maxbytes = 2MB",
        "logfile_backups = 2",
        f"pidfile = {_quoted(state.run / 'supervisord.pid')}",
        f"childlogdir = {_quoted(state.logs)}",
        f"directory = {_quoted(state.root)}",
        "umask = 077",
        f"environment = {_environment(env)}",
    ]
    return "\n".join(head + [line for program in programs for line in _section(program, state)]) + "\n"


class Supervisor:
    """The supervisord of one state directory, running or not; called over its Unix socket."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.config = state.run / "supervisord.conf"

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            self._call("getPID")
        except BerthError:
            return False
        return True

    def pid(self) -> int:
        """Ask for its process id."""
        return int(self._call("getPID"))

    def start(self, env: Mapping[str, str]) -> None:
        """Start it in the background with exactly `env`; when this returns, it answers.

        Raises:
            BerthError: it did not start; the message has its output.

        """
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)]
        try:
            done = subprocess.run(
                argv,
                env=dict(env),
                cwd=self._state.root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=START_S,
                check=False,
            )
            said = " ".join((done.stdout + done.stderr).split())
        except subprocess.TimeoutExpired:
            said = f"it did not start within {START_S} s"
        if not self.alive():
            raise BerthError("supervisord", said or "did not start", f"see {self._state.logs / 'supervisord.log'}")

    def processes(self) -> dict[str, Process]:
        """List the programs by name."""
        rows = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        return {row["name"]: _process(row) for row in rows}

    def reread(self) -> tuple[set[str], set[str], set[str]]:
        """Read the configuration again; give the names of programs that are new, that differ, and that are gone."""
        [[added, changed, removed]] = self._call("reloadConfig")
        return set(added), set(changed), set(removed)

    def add(self, name: str) -> None:
        """Add a program to supervisord; it starts if it is an event listener."""
        self._call("addProcessGroup", name)

    def remove(self, name: str) -> None:
        """Stop a program and remove it from supervisord."""
        self.stop(name)
        self._call("removeProcessGroup", name)

    def begin(self, name: str) -> None:
        """Start a program unless it runs; return at once."""
        self._call("startProcess", name, False, allowed=(Faults.ALREADY_STARTED,))  # noqa: FBT003 - XML-RPC has no keywords

    def stop(self, name: str) -> None:
        """Stop a program and wait until it has ended."""
        self._call("stopProcess", name, True, allowed=(Faults.NOT_RUNNING,))  # noqa: FBT003 - XML-RPC has no keywords

    def signal(self, name: str, signal: str) -> None:
        """Send a signal such as `HUP`."""
        self._call("signalProcess", name, signal, allowed=(Faults.NOT_RUNNING,))

    def shutdown(self) -> None:
        """Ask supervisord to end; the caller waits for its process."""
        self._call("shutdown")

    def log_tail(self, name: str, size: int = 2000) -> str:
        """Read the last lines of a program's log, for an error message."""
        path = self._state.logs / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text[-size:].splitlines()[-8:])

    def _call(self, method: str, *args: object, allowed: tuple[int, ...] = ()) -> Any:
        # A new connection for each call: calls come from several threads, and supervisord may have been restarted.
        transport = SupervisorTransport("", "", f"unix://{self._state.socket}")
        plain = transport._get_connection  # noqa: SLF001 - the library offers no time limit
        transport._get_connection = lambda: _limited(plain)  # noqa: SLF001 - as above
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*args)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in allowed:
                return None
            raise BerthError("supervisord", f"{method} {' '.join(map(str, args))}: {fault.faultString}") from None
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise BerthError("supervisord", f"does not answer ({error})", "run `berth up`") from None
        finally:
            transport.close()


def _limited(connect: Callable[[], http.client.HTTPConnection]) -> http.client.HTTPConnection:
    connection = connect()
    try:
        connection.connect()
    except OSError:
        connection.close()
        raise
    cast("socket.socket", connection.sock).settimeout(_ANSWER_S)
    return connection


def _process(row: dict[str, Any]) -> Process:
    return Process(
        name=row["name"],
        state=row["statename"],
        pid=int(row["pid"]),
        uptime_s=max(0, row["now"] - row["start"]) if row["pid"] else 0,
        why=row["spawnerr"] or row["description"],
    )


def _section(program: Program, state: State) -> list[str]:
    listens = bool(program.events)
    lines = [
        f"[{'eventlistener' if listens else 'program'}:{program.name}]",
        f"command = {shlex.join(program.argv)}",
        f"autostart = {str(listens).lower()}",
        "autorestart = true",
        "startsecs = 1",
        "startretries = 10",  # with a second more between each: almost a minute
        f"stopwaitsecs = {program.stop_s}",
        *((f"umask = {program.umask}",) if program.umask else ()),
        f"environment = {_environment({**program.env, 'BERTH_CONFIG': program.digest})}",
    ]
    return [*lines, *_logging(program, state)]


def _logging(program: Program, state: State) -> list[str]:
    # A listener talks to supervisord over stdout.
    if program.events:
        return [*_log("stderr", program.name, state), "stdout_logfile = NONE", f"events = {program.events}"]
    if program.stdout:
        return [*_log("stderr", program.name, state), *_log("stdout", program.stdout, state)]
    return ["redirect_stderr = true", *_log("stdout", program.name, state)]


def _log(stream: str, name: str, state: State) -> list[str]:
    size = [f"{stream}_logfile_maxbytes = 10MB", f"{stream}_logfile_backups = 2"]
    return [f"{stream}_logfile = {_quoted(state.logs / f'{name}.log')}", *size]


def _environment(env: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_quoted(value)}"' for name, value in sorted(env.items()))


def _quoted(value: object) -> str:
    """Escape percent signs: supervisord expands `%(…)s`."""
    return str(value).replace("%", "%%")
