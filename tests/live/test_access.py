"""Who deploys writes no policy: a deployment whose access differs stops, and `berth vault apply` writes it."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.errors import AuthError, Exit, PolicyError
from nomad_jobs.images import Pins
from nomad_jobs.logins import Logins, PeopleLogins, PipelineLogins
from nomad_jobs.model import Secret, Service, json_file
from scripts import cli
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.deploy.run import deploy
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.seed import seed
from scripts.ops.local.setup.serve import give_access
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.issuer import issuer
from tests.support.laptop import Laptop, quiet
from tests.support.platforms import ON_LAPTOP
from tests.support.services import web
from vault_policies import holders

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("front-door")]

OPERATORS = "vault-operator"


@pytest.fixture
def service(platform: Laptop) -> Iterator[Service]:
    key = Secret(name="key")
    made = web("test-access", route=None, files=(json_file("secrets/key.json", {"key": key["value"]}),))
    seed([made], platform.platform, platform.target.vault, platform.state.keys)
    yield made
    platform.target.nomad.stop(made.name, purge=True)


@pytest.fixture
def as_root(platform: Laptop) -> Iterator[Api]:
    with session("Vault", platform.platform.vault_url) as vault, root(vault, unseal_keys(platform.state)) as made:
        yield made


@pytest.fixture
def catalogue(platform: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the laptop the whole catalogue's access, and make it the one that the command acts on."""
    monkeypatch.setenv("BERTH_STATE_DIR", str(platform.state.root))
    platform.state.write(platform.state.root / "platform.json", platform.platform.to_json())
    give_access(ON_LAPTOP, Pins(), platform.state, platform.target, quiet())


def test_a_deployment_whose_access_differs_stops_before_anything_changes(platform: Laptop, service: Service) -> None:
    with pytest.raises(PolicyError) as caught:
        deploy([service], platform.target, Pins(), quiet(), whole=False, deadline_s=30)
    assert "Vault policy berth-test-access (new), Vault role berth-test-access (new)" in str(caught.value)
    assert "run `berth up`" in caught.value.fix
    assert platform.target.nomad.job(service.name) is None
    give_access([service], Pins(), platform.state, platform.target, quiet())
    (done,) = deploy([service], platform.target, Pins(), quiet(), whole=False, deadline_s=30)
    assert done.changed


def test_a_policy_that_somebody_widened_is_noticed(platform: Laptop, service: Service, as_root: Api) -> None:
    give_access([service], Pins(), platform.state, platform.target, quiet())
    wide = 'path "*" { capabilities = ["read"] }'
    as_root.put("/v1/sys/policies/acl/berth-test-access", json={"policy": wide})
    with pytest.raises(PolicyError, match=r"Vault policy berth-test-access \(changed\)"):
        deploy([service], platform.target, Pins(), quiet(), whole=False, deadline_s=30)


@pytest.mark.usefixtures("catalogue")
def test_plan_shows_what_differs_and_apply_writes_it(as_root: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE
    assert "nothing differs" in capsys.readouterr().out
    as_root.put("/v1/sys/policies/acl/berth-chat", json={"policy": "# nothing"})
    widened = holders.rules("operator") + 'path "sys/raw/*" { capabilities = ["read"] }'
    as_root.put("/v1/sys/policies/acl/platform-operator", json={"policy": widened})
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.CHANGES
    shown = capsys.readouterr().out
    assert "Vault policy berth-chat (changed)" in shown
    assert "-# nothing" in shown
    assert "sys/policies/acl/platform-operator" in shown
    assert cli.run(["vault", "apply", "--yes"]) == Exit.DONE
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE


def record(platform: Laptop, logins: Logins) -> None:
    """Let the command think that this platform has these logins."""
    own = platform.platform.model_copy(update={"logins": logins})
    platform.state.write(platform.state.root / "platform.json", own.to_json())


@pytest.mark.usefixtures("catalogue")
def test_the_command_shows_writes_and_removes_logins(
    platform: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with issuer(tmp_path) as gitlab:
        monkeypatch.setenv("SSL_CERT_FILE", str(gitlab.ca_file))
        project = PipelineLogins(issuer=gitlab.url, project_id=22, branch="main", environment="prod")
        record(platform, Logins(pipelines=project))
        assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.CHANGES
        assert "Vault login auth/jwt-gitlab/role/deploy (new)" in capsys.readouterr().out
        assert cli.run(["vault", "apply", "--yes"]) == Exit.DONE
        assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE
    assert "GitLab's keys are not compared" in capsys.readouterr().err
    record(platform, Logins())
    assert cli.run(["vault", "apply", "--yes"]) == Exit.DONE
    assert "sys/auth/jwt-gitlab (no longer named: removed)" in capsys.readouterr().out
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE


@pytest.mark.usefixtures("catalogue")
def test_without_the_clients_secret_nothing_is_written(
    platform: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = {"operator": "platform/operators"}
    people = PeopleLogins(
        issuer="https://localhost:1", client_id="0a1b2c3d", groups_claim="groups_direct", groups=groups
    )
    record(platform, Logins(people=people))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert cli.run(["vault", "apply", "--yes"]) == Exit.CONFIG
    assert "is needed, and none was given" in capsys.readouterr().err
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.CHANGES
    assert "auth/oidc/config (new)" in capsys.readouterr().out
    record(platform, Logins())
    assert cli.run(["vault", "plan", "--expect-no-changes"]) == Exit.DONE


def test_the_laptops_own_token_writes_no_policy_and_no_role(platform: Laptop) -> None:
    with session("Vault", platform.platform.vault_url, platform.state.key(OPERATORS)) as operator:
        for path in ("sys/policies/acl/berth-chat", "sys/policies/acl/platform-operator"):
            with pytest.raises(AuthError):
                operator.put(f"/v1/{path}", json={"policy": 'path "*" { capabilities = ["read"] }'})
        with pytest.raises(AuthError):
            operator.post("/v1/auth/jwt-nomad/role/berth-chat", json={"role_type": "jwt"})


def test_no_root_token_outlives_its_block(platform: Laptop) -> None:
    with session("Vault", platform.platform.vault_url) as vault, root(vault, unseal_keys(platform.state)) as made:
        assert made.get("/v1/auth/token/lookup-self")["data"]["policies"] == ["root"]
        token = made.post("/v1/auth/token/create")["auth"]["client_token"]
    with session("Vault", platform.platform.vault_url, token) as child, pytest.raises(AuthError):
        child.get("/v1/auth/token/lookup-self")  # a child ends with the token that made it


def test_a_wrong_key_and_too_few_are_said_and_leave_no_attempt(platform: Laptop) -> None:
    with session("Vault", platform.platform.vault_url) as vault:
        with pytest.raises(AuthError, match="Vault refuses one"), root(vault, ["AAAA"]):
            pass
        with pytest.raises(AuthError, match="0 of 1 were given"), root(vault, []):
            pass
        assert vault.get("/v1/sys/generate-root/attempt")["started"] is False
