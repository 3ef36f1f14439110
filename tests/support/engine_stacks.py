"""The program under the real engine: each stack is previewed and made once, for all tests that read it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from infra.compute.program_files import AGENT_VERSIONS, DEVICE_PLUGIN, DEVICE_PLUGIN_VERSION
from infra.config.stack import StackConfig
from infra.policy.resource import Resource
from scripts.ops.pulumi import PROGRAMS
from scripts.ops.toolchain.order import resolve
from tests.support.engine import Engine, Outcome, copy_program
from tests.support.moto_server import REGION, credentials, moto_server
from tests.support.stacks import settings

FOLDERS = ("infra", "nomad_jobs", "nginx", "vault_policies", "scripts")
"""The folders of the repository that the program reads."""
QUICK = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""Without these the file backend writes the whole state after each step, two thirds of the time of an `up`. Tests that
interrupt the engine do without them."""


def aws(engine: Engine, service: str) -> Any:
    """Give a client that asks the account directly, behind the engine's back."""
    keys = credentials(engine.url)
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=engine.url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )


@dataclass(frozen=True, kw_only=True)
class Built:
    """A stack that was previewed and made."""

    stack: str
    engine: Engine
    preview: Outcome
    up: Outcome

    def aws(self, service: str) -> Any:
        """Ask the account directly, behind the engine's back."""
        return aws(self.engine, service)

    @property
    def config(self) -> StackConfig:
        """The stack's configuration as it is now, with what a test has changed."""
        read = yaml.safe_load((self.engine.project / f"Pulumi.{self.stack}.yaml").read_text())["config"]
        ours = {key.removeprefix("berth:"): value for key, value in read.items() if key.startswith("berth:")}
        return StackConfig.parse({**ours, "stack": self.stack, "region": read["aws:region"]})

    def configure(self, path: str, value: str) -> None:
        """Change one setting of the stack."""
        self.engine.must("config", "set", "--path", path, value)


@contextmanager
def project(folder: Path, stack: str, *, checkpoints: bool = False) -> Iterator[Engine]:
    """Lay out the program, a moto server and an empty stack."""
    with moto_server() as url:
        home = folder / "home"
        engine = Engine(
            home=home,
            project=copy_program(folder / "project", *FOLDERS),
            url=url,
            stack=stack,
            environment={"PULUMI_OPTION_POLICY_PACK": "infra/policy", **({} if checkpoints else QUICK)},
        )
        _programs(home)
        _prepare(engine, stack)
        yield engine


def _programs(home: Path) -> None:
    """Lay small files where the machines' programs are looked for: nothing here runs them."""
    for name, version in {**AGENT_VERSIONS, DEVICE_PLUGIN: DEVICE_PLUGIN_VERSION}.items():
        path = home / ".cache" / "berth" / "programs" / name / f"{version}_linux_amd64" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{name} {version}, for this test\n")
    for name in PROGRAMS:  # Pulumi is the real one: some code looks for it in this home too
        kept = resolve(name).parent.parent
        if kept.name == name:
            (home / ".cache" / "berth" / "programs" / name).symlink_to(kept)


def _prepare(engine: Engine, stack: str) -> None:
    """Make what a stack expects to find: its domain's DNS zone, where it names one."""
    done = engine.command("stack", "init", stack)
    assert done.returncode == 0, done.stderr
    if "berth:hosted_zone_id" in settings(stack):
        dns = aws(engine, "route53")
        made = dns.create_hosted_zone(Name=settings(stack)["berth:domain"], CallerReference="the user's own")
        engine.must("config", "set", "berth:hosted_zone_id", made["HostedZone"]["Id"].rsplit("/", 1)[-1])


@contextmanager
def built(folder: Path, stack: str) -> Iterator[Built]:
    """Preview and make a stack."""
    with project(folder, stack) as engine:
        preview = engine.run("preview")
        assert preview.code == 0, preview.said
        up = engine.run("up")
        assert up.code == 0, up.said
        yield Built(stack=stack, engine=engine, preview=preview, up=up)


def resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what the state holds of AWS, without providers and components."""
    held: list[dict[str, Any]] = state["deployment"].get("resources") or []
    return [one for one in held if one["type"].startswith("aws:")]


def as_policy_sees(state: Mapping[str, Any]) -> list[Resource]:
    """Give the state's resources as the rules of the policy pack look at them."""
    return [
        Resource(
            type=one["type"],
            name=one["urn"].rsplit("::", 1)[-1],
            props=one.get("inputs", {}),
            urn=one["urn"],
            made_from={name: tuple(urns) for name, urns in (one.get("propertyDependencies") or {}).items()},
        )
        for one in resources(state)
    ]
