"""Supervisord's configuration, and what is asked of it."""

import configparser
import shlex
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.local.boot.boot_plan import environment
from scripts.ops.local.doctor import status
from scripts.ops.local.state import State
from scripts.ops.local.supervision import Program, Supervisor, conf


def read(state: State, *programs: Program) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(conf(state, programs, environment(state, "/home/me", Path("/opt/bin"))))
    return parser


def test_agents_start_with_nothing_of_the_shell_they_were_started_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ca.pem")
    given = environment(State(tmp_path), "/home/me", Path("/opt/bin"))
    assert sorted(given) == ["BERTH_PLATFORM", "GOGC", "HOME", "LANG", "PATH"]
    assert given["PATH"].split(":")[1:] == ["/opt/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]


def test_a_path_with_spaces_stays_one_argument(tmp_path: Path) -> None:
    argv = ("/opt/my programs/nomad", "agent", f"-config={tmp_path}/a b.hcl")
    parser = read(State(tmp_path), Program(name="nomad-1", argv=argv))
    assert shlex.split(parser["program:nomad-1"]["command"]) == list(argv)


def test_another_configuration_makes_another_program(tmp_path: Path) -> None:
    one, two = (conf(State(tmp_path), (Program(name="x", argv=("x",), digest=digest),), {}) for digest in ("1", "2"))
    assert one != two


def test_only_what_vault_says_on_stdout_has_a_log_of_its_own(tmp_path: Path) -> None:
    parser = read(State(tmp_path), Program(name="vault", argv=("v",), stdout="audit"), Program(name="aws", argv=("a",)))
    assert parser["program:vault"]["stdout_logfile"] == str(tmp_path / "logs" / "audit.log")
    assert parser["program:vault"]["stderr_logfile"] == str(tmp_path / "logs" / "vault.log")
    assert parser["program:aws"]["redirect_stderr"] == "true"


def test_a_supervisor_that_does_not_run_is_said_to_be_so(tmp_path: Path) -> None:
    supervisor = Supervisor(State(tmp_path))
    assert not supervisor.alive()
    with pytest.raises(BerthError, match=r"supervisord: does not answer .* run `berth up`"):
        supervisor.processes()


def test_restarts_are_counted_since_the_supervisor_began(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.open()
    (state.logs / "supervisord.log").write_text(
        "2026-01-01 WARN exited: vault (terminated by SIGKILL; not expected)\n"
        "2026-01-01 INFO supervisord started with pid 7\n"
        "2026-01-01 WARN exited: vault (terminated by SIGKILL; not expected)\n"
        "2026-01-01 INFO stopped: nomad-1 (exit status 0)\n"
    )
    assert status._restarts(state) == {"vault": 1}
