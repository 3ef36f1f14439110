from pathlib import Path

import pytest

from infra.policy.agent_rules import agent, job
from infra.policy.hcl import settings

GOLDEN = Path(__file__).parents[2] / "golden"
AGENTS = sorted(path for role in ("server", "client", "ingress") for path in (GOLDEN / "agents" / role).glob("*.hcl"))
JOBS = sorted((GOLDEN / "prod" / "jobs").glob("*.hcl"))


def program(path: Path) -> str:
    return path.stem.split("-")[0]


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_agent_of_the_cloud_keeps_the_rules(path: Path) -> None:
    assert list(agent(program(path), path.read_text(), path.name)) == []


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_every_job_of_the_cloud_keeps_the_rules(path: Path) -> None:
    assert list(job(path.read_text(), path.name)) == []


def broken(path: Path, good: str, bad: str) -> set[str]:
    text = path.read_text()
    assert good in text, f"{path} no longer says {good!r}"
    return {one.rule for one in agent(program(path), text.replace(good, bad), path.name)}


CLIENT, CONSUL, VAULT = (
    GOLDEN / "agents" / name for name in ("client/nomad.hcl", "server/consul.hcl", "server/vault.hcl")
)


@pytest.mark.parametrize(
    ("path", "good", "bad", "rule"),
    [
        (CLIENT, "acl {\n  enabled                  = true", "acl {\n  enabled = false", "L6"),
        (CLIENT, "verify_server_hostname = true", "", "L6"),
        (CLIENT, "rpc                    = true", "rpc = false", "L6"),
        (CLIENT, "allow_privileged = false", "allow_privileged = true", "L7"),
        (CLIENT, "volumes { enabled = false }", "volumes { enabled = true }", "L7"),
        (
            CLIENT,
            'plugin "raw_exec" {\n  config { enabled = false }',
            'plugin "raw_exec" {\n  config { enabled = true }',
            "L7",
        ),
        (CLIENT, "env  = false", "env  = true", "L8"),
        (CONSUL, 'default_policy           = "deny"', 'default_policy = "allow"', "L6"),
        (CONSUL, "internal_rpc { verify_server_hostname = true }", "", "L6"),
        (CONSUL, "encrypt_verify_incoming = true", "encrypt_verify_incoming = false", "L6"),
        (VAULT, 'seal "awskms"', 'seal "shamir"', "L6"),
    ],
)
def test_an_agent_that_is_open_breaks_its_rule(path: Path, good: str, bad: str, rule: str) -> None:
    assert rule in broken(path, good, bad)


@pytest.mark.parametrize(
    ("task", "rule"),
    [
        ('driver = "raw_exec"', "L7"),
        ('driver = "docker"\nconfig {\nprivileged = true\n}', "L7"),
        ('driver = "docker"\nvault {\nrole = "x"\n}', "L8"),
        ('driver = "docker"\nvault {\nenv = false\ndisable_file = false\n}', "L8"),
        ('driver = "docker"\nenv = {\nTOKEN = "' + "hvs." + "CAESIJx1Y2z3x1Y2z3x1Y2z3" + '"\n}', "L5"),
    ],
)
def test_a_job_that_is_open_breaks_its_rule(task: str, rule: str) -> None:
    text = f'job "j" {{\n group "g" {{\n task "t" {{\n {task}\n }}\n }}\n}}'
    assert {one.rule for one in job(text, "j")} == {rule}


def test_hcl_is_read_however_it_is_laid_out() -> None:
    text = """
    # a comment { with = braces }
    plugin "docker" { config { allow_privileged = false  volumes { enabled = false } } }
    retry_join = ["a = b", "c {"]  /* gone */
    template {
      data = <<EOT
    acl { enabled = false }
    EOT
      options = { "driver.allowlist" = "docker" }
    }
    template { data = "x" }
    """
    found = settings(text)
    assert found["plugin.docker.config.allow_privileged"] == ("false",)
    assert found["plugin.docker.config.volumes.enabled"] == ("false",)
    assert found["retry_join"] == ("a = b,c {",)
    assert found["template.options.driver.allowlist"] == ("docker",)
    assert len(found["template.data"]) == 2
    assert "acl.enabled" not in found
