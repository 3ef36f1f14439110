"""A secret reaches a task whole or not at all: any field names, any values, and each error names its fix."""

import io
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from nomad_jobs.errors import BerthError, ConfigError
from nomad_jobs.model import Env, File, Part, Secret, SecretRef, Service
from scripts import cli
from scripts.ops.clients.target import Target
from scripts.ops.local.setup.seed import seed
from scripts.ops.toolchain.order import resolve
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

NAME = "test-reader"
PATH = f"default/{NAME}/key"


@pytest.fixture(scope="module", autouse=True)
def _front_door(target: Target, platform: Laptop) -> None:
    seed([FRONT_DOOR], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR)


@pytest.fixture(autouse=True)
def _clean(target: Target, platform: Laptop) -> Iterator[None]:
    yield
    target.nomad.stop(NAME, purge=True)
    platform.vault.delete(f"/v1/secret/metadata/{PATH}")


def put(target: Target, **values: Any) -> None:
    target.vault.put_secret(PATH, values, after_version=target.vault.newest(PATH).version)


def reader(*names: str) -> Service:
    """A service with each field in a variable `V0`, `V1`, …, and in one file as JSON and in another as it is."""
    key = Secret(name="key", fields=names)
    refs = [key[name] for name in names]
    return web(
        NAME,
        setup="env -0 > local/env",
        env=tuple(Env(name=f"V{at}", value=ref) for at, ref in enumerate(refs)),
        files=(
            File(path="secrets/quoted.json", parts=("[", *_between(", ", refs), "]")),
            File(path="secrets/plain", parts=tuple(_between("|", [ref.raw for ref in refs]))),
        ),
    )


def _between(text: str, refs: list[SecretRef]) -> list[Part]:
    parts: list[Part] = []
    for ref in refs:
        parts += [text, ref]
    return parts[1:]


def received(platform: Laptop, count: int) -> tuple[list[str], list[Any], str]:
    """Read what the task has: its variables, the JSON file, the plain file."""
    folder = platform.task_folder(NAME)
    lines = (folder / "local" / "env").read_text().split("\0")
    env = dict(line.partition("=")[::2] for line in lines if line)
    quoted = json.loads((folder / "secrets" / "quoted.json").read_text())
    return [env[f"V{at}"] for at in range(count)], quoted, (folder / "secrets" / "plain").read_text()


def why(target: Target, platform: Laptop, service: Service) -> str:
    with pytest.raises(ConfigError) as caught:
        platform.deploy(service)
    assert target.nomad.job(NAME) is None, "nothing may have changed"
    return str(caught.value)


def follow(advice: str, platform: Laptop, monkeypatch: pytest.MonkeyPatch, *, stdin: str) -> None:
    """Run the first command that a message advises, as an operator would."""
    command = re.findall(r"`((?:berth|vault) [^`]*)`", advice)[0]
    program, *words = shlex.split(command)
    if program == "berth":
        platform.state.write(platform.state.root / "platform.json", platform.platform.to_json())
        monkeypatch.setenv("BERTH_STATE_DIR", str(platform.state.root))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        assert cli.run([*words, "--unknown"]) == 0  # the service is a test's, and in no catalogue
    else:
        env = {"VAULT_ADDR": platform.platform.vault_url, "VAULT_TOKEN": platform.credentials.vault}
        argv = [str(resolve("vault")), *words]
        subprocess.run(argv, env={**env, "HOME": "/nonexistent"}, check=True, capture_output=True)


NAMES = ("value", "DB_PASSWORD", "api-key", "a.b", "2nd", "_x")


def test_a_field_may_have_any_name_that_people_use(target: Target, platform: Laptop) -> None:
    put(target, **{name: f"of {name}" for name in NAMES})
    platform.deploy(reader(*NAMES))
    values = [f"of {name}" for name in NAMES]
    assert received(platform, len(NAMES)) == (values, values, "|".join(values))


TEXTS = ['"quoted"', "a b", "$HOME ${HOME} %{x} {{ .x }}", "line\nline", "\\ \t #=;", "Grüße 🔑", "</x>&", "", "'"]


def test_a_text_arrives_as_it_is(target: Target, platform: Laptop) -> None:
    names = [f"t{at}" for at in range(len(TEXTS))]
    put(target, **dict(zip(names, TEXTS, strict=True)))
    platform.deploy(reader(*names))
    assert received(platform, len(TEXTS)) == (TEXTS, TEXTS, "|".join(TEXTS))


def test_what_is_no_text_is_json_in_json_and_its_json_as_text_elsewhere(target: Target, platform: Laptop) -> None:
    values = {"object": {"a": [1, "x"]}, "list": [True, None], "number": 5, "float": 0.25, "yes": True}
    put(target, **values)
    platform.deploy(reader(*values))
    texts = ['{"a":[1,"x"]}', "[true,null]", "5", "0.25", "true"]
    assert received(platform, len(values)) == (texts, list(values.values()), "|".join(texts))


def test_null_is_no_value_of_a_variable(target: Target, platform: Laptop) -> None:
    put(target, value=None)
    with pytest.raises(BerthError, match="the field is missing or null"):
        platform.deploy(reader("value"), deadline_s=8)


def test_a_missing_field_is_named_before_anything_changes_and_the_advice_works(
    target: Target, platform: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(target, value="old")
    service = reader("value", "user")
    said = why(target, platform, service)
    assert f"the secret secret/{PATH} has no field user in version 1, only value" in said
    follow(said, platform, monkeypatch, stdin="ada")
    platform.deploy(service)
    assert received(platform, 2)[0] == ["old", "ada"]


def test_a_missing_secret_is_named_and_the_advice_works(
    target: Target, platform: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = reader("user", "password")
    said = why(target, platform, service)
    assert f"the secret secret/{PATH} is missing" in said
    follow(said, platform, monkeypatch, stdin=json.dumps({"user": "ada", "password": "x"}))
    platform.deploy(service)
    assert received(platform, 2)[0] == ["ada", "x"]


@pytest.mark.parametrize(("how", "word"), [("delete", "deleted"), ("destroy", "destroyed")])
def test_a_version_that_is_gone_is_told_apart_and_the_advice_works(
    target: Target, platform: Laptop, monkeypatch: pytest.MonkeyPatch, how: str, word: str
) -> None:
    put(target, value="one")
    platform.vault.post(f"/v1/secret/{how}/{PATH}", json={"versions": [1]})
    said = why(target, platform, reader("value"))
    assert f"the newest version of the secret secret/{PATH}, 1, was {word}" in said
    follow(said, platform, monkeypatch, stdin="one")
    platform.deploy(reader("value"))
    assert received(platform, 1)[0] == ["one"]


def test_the_laptop_adds_missing_fields_to_what_it_made_and_revives_it(target: Target, platform: Laptop) -> None:
    keys = platform.state.keys
    assert seed([reader("value")], target.platform, target.vault, keys) == 1
    first = target.vault.secret(PATH)
    assert seed([reader("value", "user")], target.platform, target.vault, keys) == 1
    second = target.vault.secret(PATH)
    assert second["value"] == first["value"]
    assert second["user"]
    platform.vault.post(f"/v1/secret/delete/{PATH}", json={"versions": [2]})
    assert seed([reader("value", "user")], target.platform, target.vault, keys) == 1
    assert target.vault.newest(PATH).fields == {"value", "user"}
    assert seed([reader("value", "user")], target.platform, target.vault, keys) == 0


def test_the_laptop_leaves_what_somebody_else_wrote_alone(target: Target, platform: Laptop) -> None:
    put(target, value="mine")
    assert seed([reader("value", "user")], target.platform, target.vault, platform.state.keys) == 0
    assert target.vault.secret(PATH) == {"value": "mine"}
    assert "has no field user" in why(target, platform, reader("value", "user"))


def test_two_services_may_name_different_fields_of_one_secret(target: Target, platform: Laptop) -> None:
    other = web("test-other", env=(Env(name="V", value=Secret(name="key", fields=("pin",), owner=NAME)["pin"]),))
    seed([reader("value"), other], target.platform, target.vault, platform.state.keys)
    assert target.vault.newest(PATH).fields == {"value", "pin"}


def test_a_followed_secret_reaches_the_task_without_a_restart(target: Target, platform: Laptop) -> None:
    platform.deploy(FRONT_DOOR)
    (before,) = target.consul.instances("ingress").values()
    folder = platform.task_folder("ingress")
    path = "default/ingress/tls"
    values = target.vault.secret(path)
    version = target.vault.newest(path).version
    target.vault.put_secret(path, {**values, "note": "new"}, after_version=version)
    platform.deploy(FRONT_DOOR)
    assert f'berth versions {{"ingress/tls": {version + 1}}}\n' in (folder / "secrets" / "tls.pem").read_text()
    assert set(target.consul.instances("ingress").values()) == {before}
    bad = {**values, "private_key": "garbage"}
    target.vault.put_secret(path, bad, after_version=version + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.ops.deploy.run._VERIFY_S", 3)
        with pytest.raises(BerthError, match=rf"version {version + 1} of the certificate, not {version + 2}.*tls\.pem"):
            platform.deploy(FRONT_DOOR)
    assert target.consul.key("berth/local/versions/ingress/tls") == str(version + 1)
    target.vault.put_secret(path, values, after_version=version + 2)
    platform.deploy(FRONT_DOOR)
    assert set(target.consul.instances("ingress").values()) == {before}
