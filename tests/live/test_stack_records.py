"""Where a stack's Platform record cannot be had, the message says which step is missing: real Pulumi, no cloud."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from nomad_jobs.errors import AuthError, NoSuchStackError
from scripts import cli
from scripts.ops import stacks
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Settings
from scripts.ops.local.state import State
from tests.support.laptop import free_port

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Pulumi find no login and no backend."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    for name in ("PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_name_that_no_stack_has_is_told_from_a_stack_that_is_not_made() -> None:
    with pytest.raises(NoSuchStackError, match=r"there is no Pulumi\.porduction\.yaml — name one of: dev, prod"):
        stacks.platform_of("porduction")


def test_without_a_backend_it_says_how_to_log_in() -> None:
    with pytest.raises(AuthError, match="stack dev: no backend for the state is chosen — `pulumi login s3://"):
        stacks.platform_of("dev")


def test_a_backend_that_has_no_such_stack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/state")
    with pytest.raises(NoSuchStackError, match="stack dev: the backend has no such stack — `pulumi stack init dev`"):
        stacks.platform_of("dev")


def test_a_platform_that_is_down_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = State(tmp_path / "state")
    state.open()
    with ExitStack() as held:
        ports = {"vault_api": free_port(held), "consul_http": free_port(held)}
    state.write(state.root / "platform.json", local_platform(Settings(ports=ports)).to_json())
    for name in ("nomad-bootstrap", "consul-management", "vault-operator"):
        state.ensure_key(name)
    monkeypatch.setenv("BERTH_STATE_DIR", str(state.root))
    for verb in (["vault", "plan"], ["secrets", "list"]):
        cli.run(verb)
        assert "does not answer" in (said := capsys.readouterr().err)
        assert "is the platform up? `berth doctor` looks" in said
