"""systemd as far as the machines' units use it: one runner process for each started unit.

`systemctl start [--no-block] UNIT…`, and stop, restart, reload, is-active, enable, daemon-reload. A unit's state is a
file under /run/units: `starting`, `active`, `failed` or `inactive`.
"""

import configparser
import fcntl
import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
STATES = Path("/run/units")
_DONE = {"active", "failed", "inactive"}


class Unit:
    def __init__(self, name: str) -> None:
        self.name = name
        parsed = configparser.RawConfigParser(strict=False, delimiters=("=",))
        setattr(parsed, "optionxform", str)
        parsed.read_string((UNITS / name).read_text())
        self.unit, self.service = (dict(parsed[one]) if one in parsed else {} for one in ("Unit", "Service"))

    @property
    def state(self) -> str:
        path = STATES / self.name
        return path.read_text() if path.exists() else "inactive"

    @state.setter
    def state(self, state: str) -> None:
        STATES.mkdir(exist_ok=True)
        fresh = STATES / f".{self.name}.{os.getpid()}"
        fresh.write_text(state)
        fresh.replace(STATES / self.name)

    @property
    def is_oneshot(self) -> bool:
        return self.service.get("Type") == "oneshot"

    def pid(self, of: str) -> int:
        path = STATES / f"{self.name}.{of}"
        return int(path.read_text()) if path.exists() else 0

    def keep_pid(self, of: str, pid: int) -> None:
        (STATES / f"{self.name}.{of}").write_text(str(pid))


def start(name: str, *, block: bool) -> None:
    unit = Unit(name)
    STATES.mkdir(exist_ok=True)
    with (STATES / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if unit.state not in {"active", "starting"}:
            unit.state = "starting"
            if os.fork() == 0:
                os.setsid()
                lock.close()
                _run(unit)
    while block and unit.state not in _DONE:
        time.sleep(0.1)
    if block and unit.state == "failed":
        sys.exit(f"{name} failed")


def _run(unit: Unit) -> None:
    """Run as the unit's runner: wait for what the unit needs, start it, restart it; never returns."""
    unit.keep_pid("runner", os.getpid())
    _redirect(unit)
    after = [Unit(one) for one in unit.unit.get("After", "").split() if (UNITS / one).exists()]
    for needed in unit.unit.get("Requires", "").split():
        start(needed, block=False)
    while any(one.state == "starting" for one in after):
        time.sleep(0.1)
    condition = unit.unit.get("ConditionPathExists")
    if condition and not Path(condition).exists():
        unit.state = "inactive"
        os._exit(0)
    while True:
        process = _spawn(unit)
        unit.keep_pid("main", process.pid)
        if not unit.is_oneshot:
            unit.state = "active"
        code = process.wait()
        print(f"-- {unit.name} ended with {code}", flush=True)
        if code == 0 and unit.service.get("Restart") != "always":
            unit.state = "active" if unit.service.get("RemainAfterExit") == "yes" else "inactive"
            os._exit(0)
        time.sleep(1)


def _spawn(unit: Unit) -> "subprocess.Popen[bytes]":
    user = unit.service.get("User", "root")
    entry = pwd.getpwnam(user)
    for folder in unit.service.get("LogsDirectory", "").split():
        path = Path("/var/log") / folder
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def become() -> None:
        if user != "root":
            os.initgroups(user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)

    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": entry.pw_dir}
    return subprocess.Popen(shlex.split(unit.service["ExecStart"]), preexec_fn=become, env=environment)


def _redirect(unit: Unit) -> None:
    log = os.open(f"/var/log/{unit.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)


def stop(name: str) -> None:
    unit = Unit(name)
    if unit.state not in {"active", "starting"}:
        return
    runner, main = unit.pid("runner"), unit.pid("main")
    if runner and _is_there(runner):
        os.kill(runner, signal.SIGKILL)  # so that the runner does not restart it
    if main and _is_there(main):
        os.kill(main, getattr(signal, unit.service.get("KillSignal", "SIGTERM")))
        end = time.monotonic() + 60
        while _is_there(main) and time.monotonic() < end:
            time.sleep(0.1)
    unit.state = "inactive"


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main() -> None:
    verb = sys.argv[1]
    rest = [one for one in sys.argv[2:] if not one.startswith("--")]
    ours = [name for name in rest if (UNITS / name).exists() and not name.endswith(".timer")]
    if verb == "start":
        for name in ours:
            start(name, block="--no-block" not in sys.argv)
    elif verb in {"stop", "restart"}:
        for name in ours:
            stop(name)
            if verb == "restart":
                start(name, block="--no-block" not in sys.argv)
    elif verb == "reload":
        for name in ours:
            os.kill(Unit(name).pid("main"), signal.SIGHUP)
    elif verb == "is-active":
        sys.exit(0 if all(Unit(name).state == "active" for name in ours) else 3)
    elif verb not in {"enable", "daemon-reload"}:
        sys.exit(f"this stand-in does not know systemctl {verb}")


if __name__ == "__main__":
    main()
