"""No value that `berth secrets` takes is anywhere but in Vault: no argument, environment, output, log or file."""

import base64
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from nomad_jobs.errors import Exit
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop
from tests.support.secrets_command import Command, newest, serving

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets-hidden")]

CANARY = "canary/Zq7+hunter2=né"
HUB = "llama-4-scout/hugging-face"
PATH = f"default/{HUB}"


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    """A laptop of its own where no service runs, so that nobody but Vault has any value."""
    with serving() as booted:
        yield booted


def forms(value: str) -> set[bytes]:
    """The value as it would stand in text, JSON, a URL, a dump, or base64 at any offset."""
    raw = value.encode()
    inner = {base64.b64encode(b"x" * at + raw)[(0, 2, 3)[at] :].rstrip(b"=")[:-2] for at in range(3)}
    return {
        raw,
        raw.hex().encode(),
        urllib.parse.quote(value, safe="").encode(),
        urllib.parse.quote_plus(value).encode(),
        value.encode("unicode_escape"),
        *inner,
    }


def having(found: dict[str, bytes], value: str = CANARY) -> list[str]:
    return sorted(name for name, text in found.items() if any(form in text for form in forms(value)))


def files_below(*folders: Path) -> dict[str, bytes]:
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            with suppress(OSError):  # agents remove files while this reads
                if path.is_file() and not path.is_symlink():
                    found[str(path)] = path.read_bytes()
    return found


def test_each_form_would_be_found() -> None:
    for form in forms(CANARY):
        assert having({"x": b"before" + form + b"after"}) == ["x"]
    assert having({"x": base64.b64encode(b'{"value": "' + CANARY.encode() + b'"}')}) == ["x"]
    assert having({"x": b"nothing"}) == []


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (["set", HUB], CANARY, 0),
        (["set", HUB, "--json"], f"{CANARY}\n", 0),
        (["set", HUB, "--hold", "--from-json"], f'{{"token": "{CANARY}"}}', 0),
        (["set", HUB, "--from-json"], f'{{"token": "{CANARY}", "x": 1}}', 2),
        (["set", HUB], f"{CANARY}\0", 2),
        (["set", HUB, "--field", "nothing"], CANARY, 2),
        (["set", "nobody/nothing"], CANARY, 2),
    ],
    ids=["piped", "for programs", "held", "no text", "NUL", "no such field", "no such secret"],  # no value in a name
)
def test_a_value_is_nowhere_but_in_vault(
    served: Laptop, tmp_path: Path, words: list[str], stdin: str, code: int
) -> None:
    env = {**os.environ, "BERTH_STATE_DIR": str(served.state.root), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    argv = [sys.executable, "-m", "scripts", "--debug", "secrets", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        process.stdin.write(stdin.encode())
        process.stdin.close()
        seen: dict[str, bytes] = {}
        while process.poll() is None:
            seen |= shown_by(process.pid)
        assert process.stdout
        assert process.stderr
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == code, err.decode()
    assert seen, "the process was looked at while it ran"
    assert having({**seen, "stdout": out, "stderr": err}) == []
    assert having(files_below(served.state.root, tmp_path)) == []
    if code == 0:
        assert served.target.vault.secret(PATH) == {"token": CANARY}


def shown_by(pid: int) -> dict[str, bytes]:
    """What everybody sees of a process and of its children: arguments, and the environment that its user sees."""
    found = {}
    with suppress(psutil.Error, OSError):  # it may have ended in between
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            for what in ("cmdline", "environ"):
                text = Path(f"/proc/{one.pid}/{what}").read_bytes()
                found[f"{one.pid} {what} {hash(text)}"] = text
    return found


def test_vaults_audit_log_has_the_write_and_not_the_value(served: Laptop, berth: Command) -> None:
    assert berth("set", HUB, stdin=f"{CANARY}-audited").code == 0
    log = (served.state.logs / "vault-audit.log").read_bytes()
    assert f"secret/data/{PATH}".encode() in log
    assert having({"audit": log}) == []


@pytest.mark.parametrize(
    "words",
    [
        [HUB, CANARY],
        [HUB, "local", CANARY],
        [f"{HUB}={CANARY}"],
        [HUB, f"--value={CANARY}"],
        [HUB, "local", "--", CANARY, "more"],
    ],
    ids=["as the stack", "after the stack", "after the name", "as an option", "after a dash"],
)
def test_a_value_in_an_argument_is_refused_and_not_shown_again(
    served: Laptop, berth: Command, words: list[str]
) -> None:
    before = newest(served, HUB)
    answer = berth("set", *words, debug=True)
    assert (answer.code, having({"out": answer.out.encode(), "err": answer.err.encode()})) == (Exit.CONFIG, [])
    assert newest(served, HUB) == before


class Terminal:
    """The command on a terminal of its own, as a person has it."""

    def __init__(self, served: Laptop, *words: str) -> None:
        self._screen, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts", "secrets", *words],
            env={**os.environ, "BERTH_STATE_DIR": str(served.state.root)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = b""

    def until(self, text: str) -> None:
        """Read on until `text` is shown, or the command ends, or it shows nothing for thirty seconds."""
        before = len(self.shown)
        while text.encode() not in self.shown[before:] and select.select([self._screen], [], [], 30)[0]:
            try:
                self.shown += os.read(self._screen, 4096)
            except OSError:
                return

    def types(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def ends(self) -> int:
        self.until("\0")
        os.close(self._screen)
        return self._process.wait(timeout=30)


def test_a_person_is_asked_twice_and_what_is_typed_is_not_shown(served: Laptop) -> None:
    terminal = Terminal(served, "set", HUB)
    for prompt in ("token (hidden; one line): ", "again: "):
        terminal.until(prompt)
        terminal.types(f"{CANARY}-typed\n")
    assert (terminal.ends(), having({"screen": terminal.shown})) == (0, []), terminal.shown.decode()
    assert served.target.vault.secret(PATH) == {"token": f"{CANARY}-typed"}


def test_two_different_answers_are_asked_again_and_ctrl_c_writes_nothing(served: Laptop) -> None:
    before = served.target.vault.newest(PATH).version
    terminal = Terminal(served, "set", HUB)
    for prompt, typed in (("line): ", "one\n"), ("again: ", "two\n"), ("line): ", "\x03")):
        terminal.until(prompt)
        terminal.types(typed)
    assert terminal.ends() == Exit.CANCELLED
    assert b"do not match" in terminal.shown
    assert served.target.vault.newest(PATH).version == before


def test_a_generated_value_is_shown_to_nobody(served: Laptop, berth: Command) -> None:
    answer = berth("set", "bot-detector/api-key", "--generate")
    assert answer.code == 0, answer.err
    made = served.target.vault.secret("default/bot-detector/api-key")["value"]
    assert len(made) == 43
    assert having({"out": answer.out.encode(), "err": answer.err.encode()}, made) == []
    assert having(files_below(served.state.root), made) == []


def looks(served: Laptop) -> int:
    """Count in Vault's log how often somebody looked at the secret."""
    return (served.state.logs / "vault-audit.log").read_bytes().count(f"secret/subkeys/{PATH}".encode())


def looked(served: Laptop, *, before: int) -> str | None:
    return None if looks(served) > before else "not yet"


def test_a_program_may_end_it_while_it_waits_for_a_value(served: Laptop, berth: Command) -> None:
    before = served.target.vault.newest(PATH).version
    count = looks(served)
    with berth.begin("secrets", "set", HUB) as process:
        wait_until(lambda: looked(served, before=count), where="berth", what="a look at the secret", deadline_s=30)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == Exit.CANCELLED, out + err
    assert b"Traceback" not in err
    assert served.target.vault.newest(PATH).version == before
