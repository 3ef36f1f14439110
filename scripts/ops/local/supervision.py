"""Supervisord: keeps the agents running, restarts one that dies, rotates what they write."""

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
    """Of its configuration: another digest means that the process must be started anew."""
    env: Mapping[str, str] = field(default_factory=dict)
    stop_s: int = 20
    stdout: str = ""
    """Name of a log of its own for stdout; empty: stdout and stderr share one."""
    events: str = ""
    """Supervisord's events that it listens to; empty: an ordinary program."""


@dataclass(frozen=True, slots=True)
class Process:
    """What supervisord says of one program."""

    name: str
    state: str
    pid: int
    uptime_s: int
    why: str
    """Why it last ended, in supervisord's words."""

    @property
    def runs(self) -> bool:
        """Whether there is a process now, or will be at once."""
        return self.state not in _DOWN


def conf(state: State, programs: tuple[Program, ...], env: Mapping[str, str]) -> str:
    """Write supervisord's configuration; `env` is all that the programs get."""
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
    """The supervisord of one state directory, over its Unix socket."""

    def __init__(self, state: State) -> None:
        """Name it; it need not run."""
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
        """Its process id."""
        return int(self._call("getPID"))

    def start(self, env: Mapping[str, str]) -> None:
        """Start it in the background with exactly `env`; it answers when this returns.

        Raises:
            BerthError: it did not start; the message carries its own words.

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
        """Every program by name."""
        rows = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        return {row["name"]: _process(row) for row in rows}

    def reread(self) -> tuple[set[str], set[str], set[str]]:
        """Read the configuration again: names that are new, that differ from what runs, and that are gone."""
        [[added, changed, removed]] = self._call("reloadConfig")
        return set(added), set(changed), set(removed)

    def add(self, name: str) -> None:
        """Take a program into the fold; it starts if it is an event listener."""
        self._call("addProcessGroup", name)

    def remove(self, name: str) -> None:
        """Stop a program and forget it."""
        self.stop(name)
        self._call("removeProcessGroup", name)

    def begin(self, name: str) -> None:
        """Start a program, unless it runs, and return at once."""
        self._call("startProcess", name, False, but=(Faults.ALREADY_STARTED,))  # noqa: FBT003 - XML-RPC has no keywords

    def stop(self, name: str) -> None:
        """Stop a program and wait for its end."""
        self._call("stopProcess", name, True, but=(Faults.NOT_RUNNING,))  # noqa: FBT003 - XML-RPC has no keywords

    def signal(self, name: str, signal: str) -> None:
        """Send a signal such as `HUP`."""
        self._call("signalProcess", name, signal, but=(Faults.NOT_RUNNING,))

    def shutdown(self) -> None:
        """Ask it to end; the caller waits for the process."""
        self._call("shutdown")

    def log_tail(self, name: str, size: int = 2000) -> str:
        """Give the last lines that a program wrote, for an error message."""
        path = self._state.logs / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text[-size:].splitlines()[-8:])

    def _call(self, method: str, *args: object, but: tuple[int, ...] = ()) -> Any:
        # A connection for each call: they come from several threads, and supervisord may be another one by now.
        transport = SupervisorTransport("", "", f"unix://{self._state.socket}")
        plain = transport._get_connection  # noqa: SLF001 - the library offers no time limit
        transport._get_connection = lambda: _limited(plain)  # noqa: SLF001
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*args)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in but:
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
        "startretries = 10",  # a second more between each: almost a minute of trying
        f"stopwaitsecs = {program.stop_s}",
        f"environment = {_environment({**program.env, 'BERTH_CONFIG': program.digest})}",
    ]
    return [*lines, *_logging(program, state)]


def _logging(program: Program, state: State) -> list[str]:
    # A listener speaks with supervisord over stdout.
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
    """Supervisord expands `%(…)s`."""
    return str(value).replace("%", "%%")
