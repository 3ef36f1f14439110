"""Which error each failure of Pulumi becomes; tests/live runs the real engine."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.errors import (
    AuthError,
    BerthError,
    CancelledError,
    ConfigError,
    DeployError,
    Exit,
    NoSuchStackError,
    PolicyError,
)
from scripts.ops import pulumi

FAKE = """#!{python}
import json, os, pathlib, sys
plan = json.loads(pathlib.Path(__file__).with_name("plan.json").read_text())
pathlib.Path(__file__).with_name("asked.json").write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
log = pathlib.Path(sys.argv[sys.argv.index("--event-log") + 1])
log.write_text("".join(json.dumps(one) + "\\n" for one in plan["events"]))
sys.stderr.write(plan["stderr"])
sys.exit(plan["code"])
"""


class FakePulumi:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "pulumi"
        program.write_text(FAKE.format(python=sys.executable))
        program.chmod(0o755)
        self.plan()

    def plan(self, code: int = 0, stderr: str = "", *events: dict[str, Any]) -> None:
        plan = {"code": code, "stderr": stderr, "events": events}
        (self.folder / "plan.json").write_text(json.dumps(plan))

    def asked(self) -> tuple[list[str], dict[str, str]]:
        argv, environment = json.loads((self.folder / "asked.json").read_text())
        return argv, environment


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePulumi:
    fake = FakePulumi(tmp_path)
    monkeypatch.setattr(pulumi, "resolve", lambda name: tmp_path / name)
    monkeypatch.delenv(pulumi.PACK, raising=False)
    return fake


def error(message: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": "error", "message": f"<{{%reset%}}>{message}<{{%reset%}}>\n"}}


def test_preview_and_up_run_the_pack_without_being_told(fake: FakePulumi) -> None:
    pulumi.run("up", "dev", ("--yes",))
    argv, environment = fake.asked()
    assert argv[:3] == ["up", "--stack", "dev"]
    assert argv[-1] == "--yes"
    pack = Path(environment[pulumi.PACK])
    assert (pack / "PulumiPolicy.yaml").is_file()
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_pack_of_the_users_own_choice_stays(fake: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pulumi.PACK, "/elsewhere")
    pulumi.run("preview", "dev")
    assert fake.asked()[1][pulumi.PACK] == "/elsewhere"


@pytest.mark.parametrize("verb", ["refresh", "destroy"])
def test_verbs_that_know_no_pack_are_given_none(fake: FakePulumi, verb: str) -> None:
    pulumi.run(verb, "dev")
    assert pulumi.PACK not in fake.asked()[1]


def test_a_bad_configuration_never_reaches_pulumi(fake: FakePulumi) -> None:
    with pytest.raises(NoSuchStackError, match=r"no Pulumi\.mars\.yaml"):
        pulumi.run("up", "mars")
    assert not (fake.folder / "asked.json").exists()


@pytest.mark.parametrize(
    ("verb", "said", "expected", "code", "fix"),
    [
        (
            "up",
            "creating: api error ExpiredToken: The security token included is expired",
            AuthError,
            3,
            "aws sso login",
        ),
        ("up", "operation error STS: RequestExpired", AuthError, 3, "goes on where it stopped"),
        ("preview", "No valid credential sources found", AuthError, 3, "aws sso login"),
        ("up", "InsufficientInstanceCapacity: no p5en in us-east-1a", DeployError, 4, "repeat the command"),
        ("preview", "invalid value for x", BerthError, 1, "repeat the command"),
    ],
)
def test_what_aws_says_becomes_an_exit_code_and_what_to_do(
    fake: FakePulumi, verb: str, said: str, expected: type[BerthError], code: int, fix: str
) -> None:
    fake.plan(255, "", error(f"{said}\nand more"))
    with pytest.raises(expected) as caught:
        pulumi.run(verb, "dev")
    assert caught.value.code == code
    assert fix in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "expected", "fix"),
    [
        ("error: no stack named 'dev' found", NoSuchStackError, "pulumi stack init dev"),
        ("error: the stack is currently locked by 1 lock(s)", DeployError, "pulumi cancel dev"),
        ("error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE", AuthError, "PULUMI_CONFIG_PASSPHRASE"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login", AuthError, "pulumi login s3"),
        ("error: update canceled", CancelledError, "state holds"),
        ("error: --yes or --skip-preview must be passed in", ConfigError, "--yes"),
    ],
)
def test_what_pulumi_says_before_it_begins_is_understood(
    fake: FakePulumi, capfd: pytest.CaptureFixture[str], said: str, expected: type[BerthError], fix: str
) -> None:
    fake.plan(255, said + "\n")
    with pytest.raises(expected, match=fix):
        pulumi.run("up", "dev")
    assert said in capfd.readouterr().err


def test_a_broken_rule_goes_before_all_else(fake: FakePulumi) -> None:
    broken = {"enforcementLevel": "mandatory", "message": "The LEAK rules.\nL1 r, port 4646/tcp: is open — close it"}
    fake.plan(255, "", error("ExpiredToken"), {"policyEvent": broken})
    with pytest.raises(PolicyError, match=r"1 rule.s. broken, first: L1 r, port 4646") as caught:
        pulumi.run("preview", "dev")
    assert caught.value.code is Exit.POLICY


def test_what_the_program_refuses_is_bad_input(fake: FakePulumi) -> None:
    exited = error("an unhandled error occurred: program exited with non-zero exit code: 2")
    fake.plan(255, "", error("consul: machines need version 1 — install it"), exited)
    with pytest.raises(ConfigError, match="machines need version 1"):
        pulumi.run("up", "dev")


def test_a_code_without_words_is_told_as_such(fake: FakePulumi) -> None:
    fake.plan(-signal.SIGKILL % 256)
    with pytest.raises(BerthError, match="ended with code 247"):
        pulumi.run("preview", "dev")
